/* Uses what the application's own map type gave without asking whether it is null. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

struct jbpf_load_map_def SEC("maps") last = {
    .type = 20,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 4,
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t key = 1;
    uint64_t *found = jbpf_map_lookup_elem(&last, &key);
    return *found; // here
}
