/* A map of a type that nobody defined. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct jbpf_load_map_def SEC("maps") strange = {
    .type = 9,
    .key_size = 4,
    .value_size = 8,
    .max_entries = 1,
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    return jbpf_map_lookup_elem(&strange, &index) != 0;
}
