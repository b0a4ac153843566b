// A key inside of one of several structures on the stack: the compiler knows how they are aligned, and forms the
// address with `|`.
// expect: accept
// run: ctx_id=4 => r0=1
// run: ctx_id=5 => r0=101
// run: ctx_id=4 => r0=2
// run: ctx_id=5 => r0=102
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct flow {
    uint32_t id;
    uint32_t bucket;
};

jbpf_hash_map(counts, uint32_t, uint64_t, 16)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct flow flows[2] __attribute__((aligned(8))) = {
        { .id = ctx->ctx_id, .bucket = ctx->ctx_id & 7 },
        { .id = ctx->ctx_id, .bucket = ctx->ctx_id | 8 },
    };
    uint64_t odd = ctx->ctx_id & 1;
    uint32_t *bucket = &flows[odd].bucket;
    uint64_t *count = jbpf_map_lookup_elem(&counts, bucket);
    if (count)
        return ++*count;
    uint64_t first = odd ? 101 : 1;
    if (jbpf_map_update_elem(&counts, bucket, &first, 0))
        return -1;
    return first;
}
