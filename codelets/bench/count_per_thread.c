/* map/per_thread_array. */
#include "bench.h"

struct jbpf_load_map_def SEC("maps") counts = {
    .type = JBPF_MAP_TYPE_PER_THREAD_ARRAY,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 1,
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    uint64_t *count = jbpf_map_lookup_elem(&counts, &index);
    if (count)
        *count += 1;
    return 0;
}
