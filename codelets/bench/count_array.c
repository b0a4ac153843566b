/* map/array_increment, and each codelet of hook/armed_x4. */
#include "bench.h"

jbpf_array_map(counts, uint64_t, 1);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    uint64_t *count = jbpf_map_lookup_elem(&counts, &index);
    if (count)
        *count += 1;
    return 0;
}
