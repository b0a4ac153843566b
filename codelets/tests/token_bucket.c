// Lets through so many calls a time, whose clock is the context's number.
// expect: accept
// run: ctx_id=0 => r0=1
// run: ctx_id=0 => r0=1
// run: ctx_id=0 => r0=0
// run: ctx_id=1 => r0=1
// run: ctx_id=1 => r0=0
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct bucket {
    uint64_t tokens, last, started;
};

jbpf_array_map(limiter, struct bucket, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t index = 0;
    struct bucket *bucket = jbpf_map_lookup_elem(&limiter, &index);
    if (!bucket)
        return 0;
    uint64_t now = ctx->ctx_id;
    if (!bucket->started) {
        bucket->started = 1;
        bucket->tokens = 2;
    }
    bucket->tokens += now - bucket->last;
    if (bucket->tokens > 2)
        bucket->tokens = 2;
    bucket->last = now;
    if (bucket->tokens == 0)
        return 0;
    bucket->tokens--;
    return 1;
}
