/* Counts calls in a map type of the application's own that has a copy a thread. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

struct jbpf_load_map_def SEC("maps") calls = {
    .type = 21,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 2,
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t key = 1;
    uint64_t *count = jbpf_map_lookup_elem(&calls, &key);
    if (!count)
        return 404;
    *count += 1; /* this thread's own */
    return *count;
}
