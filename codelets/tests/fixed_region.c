// A region whose size the hook's type fixes needs no comparison.
// expect: accept
// context: fixed16
// run: region=01000000000000000200000000000000 => r0=3
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *n = (void *)ctx->data;
    return n[0] + n[1];
}
