// A record with every type that a channel's description knows.
// expect: accept
// run: ctx_id=3 => r0=0 out:everything=0300000000000000ff0100003f030000000000803f0201000000000000000000000000000000000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"

enum color { RED = 1, GREEN = 2, BLUE = 3 };

typedef struct {
    uint8_t low, high;
} pair_t;

struct everything {
    int64_t wide;
    signed char small;
    bool flag;
    uint16_t : 16;
    uint32_t first : 3;
    uint32_t second : 5;
    enum color color;
    float ratio;
    pair_t pairs[2][1];
    union {
        uint32_t word;
        uint8_t bytes[4];
    };
    char text[4];
    void *opaque;
} __attribute__((packed));

jbpf_ringbuf_map(everything, struct everything, 4)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct everything record = {
        .wide = ctx->ctx_id,
        .small = -1,
        .flag = true,
        .first = 7,
        .second = 7,
        .color = BLUE,
        .ratio = 1.0f,
        .pairs = {{{2, 1}}},
    };
    return jbpf_ringbuf_output(&everything, &record, sizeof(record));
}
