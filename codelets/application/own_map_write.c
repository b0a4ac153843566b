/* Writes the value of its key, and returns what it finds there. */
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
    struct ask_ctx *ctx = state;
    uint32_t key = ctx->key;
    uint64_t value = key + 1000;
    jbpf_map_update_elem(&last, &key, &value, 0);
    uint64_t *found = jbpf_map_lookup_elem(&last, &key);
    return found ? *found : 404;
}
