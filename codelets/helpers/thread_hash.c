/* Helpers 1 to 6 on a PER_THREAD_HASHMAP of three entries. */
#include "jbpf_defs.h"

struct jbpf_load_map_def SEC("maps") map = {
    .type = JBPF_MAP_TYPE_PER_THREAD_HASHMAP,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 3,
};

#include "values.h"
