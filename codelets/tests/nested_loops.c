// Multiplies two matrices.
// expect: accept
// run: region=0100000002000000030000000400000005000000060000000700000008000000090000000100000002000000030000000400000005000000060000000700000008000000090000000000 => r0=729
#include "jbpf_defs.h"

struct matrix {
    uint32_t at[3][3];
};

struct input {
    struct matrix a, b;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct input *input = (void *)ctx->data;
    if ((uint64_t)(input + 1) > ctx->data_end)
        return -1;
    uint64_t total = 0;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            uint32_t sum = 0;
            for (int k = 0; k < 3; k++)
                sum += input->a.at[i][k] * input->b.at[k][j];
            total += sum;
        }
    }
    return total;
}
