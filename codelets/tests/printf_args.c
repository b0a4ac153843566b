// Prints numbers of several kinds.
// expect: accept
// run: ctx_id=7 => r0=0 print="id 7 twice 14 hex 0x7"
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t id = ctx->ctx_id;
    jbpf_printf_debug("id %u twice %d hex 0x%x", id, id * 2, id);
    return 0;
}
