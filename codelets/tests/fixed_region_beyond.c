// Reads beyond a region whose size the hook's type fixes.
// expect: reject E0020
// context: fixed16
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *n = (void *)ctx->data;
    return n[2]; // here
}
