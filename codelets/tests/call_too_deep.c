// A chain of nine functions below the entry.
// expect: reject E0011
#include "jbpf_defs.h"

#define LEVEL(name, next)                          \
    static __noinline uint64_t name(uint64_t value) \
    {                                              \
        volatile uint64_t local = value;           \
        return next(local + 1) + local;            \
    }

static __noinline uint64_t level9(uint64_t value)
{
    volatile uint64_t local = value;
    return local;
}
LEVEL(level8, level9)
LEVEL(level7, level8)
LEVEL(level6, level7)
LEVEL(level5, level6)
LEVEL(level4, level5)
LEVEL(level3, level4)
LEVEL(level2, level3)
LEVEL(level1, level2)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    return level1(ctx->ctx_id);
}
