/* threads/array_same_key: all threads count in one word. */
#include "bench.h"

jbpf_array_map(counts, uint64_t, 1);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    uint64_t *count = jbpf_map_lookup_elem(&counts, &index);
    if (count)
        __sync_fetch_and_add(count, 1);
    return 0;
}
