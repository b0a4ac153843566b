/* Says what a map of the application's own type holds, which another codelet fills. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

struct jbpf_load_map_def SEC("maps") seen = {
    .type = 20,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 4,
    .map_flags = 1,
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct tell_ctx *ctx = state;
    uint32_t key = ctx->key;
    uint64_t *found = jbpf_map_lookup_elem(&seen, &key);
    return found ? *found : 404;
}
