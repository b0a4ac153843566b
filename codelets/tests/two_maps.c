// One map's value is the key of another.
// expect: accept
// run: ctx_id=1 => r0=0
// run: ctx_id=1 => r0=1
// run: ctx_id=2 => r0=0
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_hash_map(sessions, uint32_t, uint32_t, 16)
jbpf_array_map(usage, uint64_t, 16)

static uint32_t next_session;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t user = ctx->ctx_id;
    uint32_t *session = jbpf_map_lookup_elem(&sessions, &user);
    if (!session) {
        uint32_t fresh = next_session++;
        jbpf_map_update_elem(&sessions, &user, &fresh, 0);
        session = jbpf_map_lookup_elem(&sessions, &user);
        if (!session)
            return -1;
    }
    uint64_t *used = jbpf_map_lookup_elem(&usage, session);
    if (!used)
        return -1;
    return (*used)++;
}
