// A length from the region, bounded before it is the size of what is sent.
// expect: accept
// run: region=03616263 => r0=0 out:texts=6162630000000000
// run: region=ff616263 => r0=1
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct text {
    char bytes[8];
};

jbpf_ringbuf_map(texts, struct text, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *at = (void *)ctx->data;
    uint8_t *end = (void *)ctx->data_end;
    struct text text = {{0}};
    if (at + 1 > end)
        return 1;
    uint64_t length = at[0];
    if (length > sizeof(text) || at + 1 + length > end)
        return 1;
    for (uint64_t i = 0; i < sizeof(text); i++) {
        if (i >= length || at + 1 + i + 1 > end)
            break;
        text.bytes[i] = at[1 + i];
    }
    return jbpf_ringbuf_output(&texts, &text, length);
}
