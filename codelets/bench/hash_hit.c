/* map/hash_hit_1k, map/hash_miss and threads/hash_hit. */
#include "bench.h"

struct jbpf_load_map_def SEC("maps") counts = {
    .type = JBPF_MAP_TYPE_HASHMAP,
    .key_size = sizeof(uint64_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 1024,
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    REGION(struct Keyed, keyed);
    uint64_t key = keyed->key;
    uint64_t *count = jbpf_map_lookup_elem(&counts, &key);
    if (count)
        *count += 1;
    else
        keyed->result += 1;
    return 0;
}
