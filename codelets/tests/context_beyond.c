// Reads beyond the context.
// expect: reject E0017
#include "jbpf_defs.h"

struct larger {
    struct jbpf_generic_ctx ctx;
    uint64_t more;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct larger *ctx = state;
    return ctx->more; // here
}
