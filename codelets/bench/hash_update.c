/* map/hash_update: counts the updates that were refused. */
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
    keyed->result += 1;
    uint64_t value = keyed->result;
    if (jbpf_map_update_elem(&counts, &key, &value, 0) != JBPF_MAP_SUCCESS)
        keyed->result += 1ULL << 32;
    return 0;
}
