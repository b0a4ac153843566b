// Sends one record for each element of the region.
// expect: accept
// run: region=010000000200000003000000 => r0=3 out:elements=01000000,02000000,03000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_ringbuf_map(elements, uint32_t, 64)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t *at = (void *)ctx->data;
    uint32_t *end = (void *)ctx->data_end;
    uint64_t sent = 0;
    for (int i = 0; i < 16; i++) {
        if (at + 1 > end)
            break;
        uint32_t element = *at++;
        if (jbpf_ringbuf_output(&elements, &element, sizeof(element)) == 0)
            sent++;
    }
    return sent;
}
