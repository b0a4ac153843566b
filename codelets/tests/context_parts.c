// Reads parts of context fields: a byte, a half word.
// expect: accept
// run: ctx_id=67305985 meta=255 => r0=773
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    volatile struct jbpf_generic_ctx *ctx = state;
    volatile uint8_t *id = (void *)&ctx->ctx_id;
    volatile uint16_t *half = (void *)&ctx->ctx_id;
    /* 0x04030201 */
    return id[2] + half[0] + *(volatile uint8_t *)&ctx->meta_data + id[3] - 2;
}
