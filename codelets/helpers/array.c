/* Helpers 1 to 6 on a ARRAY of three entries. */
#include "jbpf_defs.h"

struct jbpf_load_map_def SEC("maps") map = {
    .type = JBPF_MAP_TYPE_ARRAY,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 3,
};

#include "values.h"
