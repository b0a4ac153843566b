// Takes a threshold from outside, and compares with it from then on.
// expect: accept
// run: ctx_id=50 => r0=1
// run: ctx_id=50 in:settings=6400000000000000 => r0=0
// run: ctx_id=150 => r0=1
// run: ctx_id=50 in:settings=0a00000000000000,1400000000000000 => r0=1
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct setting {
    uint32_t threshold;
    uint32_t unused;
};

jbpf_control_input_map(settings, struct setting, 8)

static uint32_t threshold;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct setting setting;
    for (int i = 0; i < 4; i++) {
        if (jbpf_control_input_receive(&settings, &setting, sizeof(setting)) <= 0)
            break;
        threshold = setting.threshold;
    }
    return ctx->ctx_id > threshold;
}
