// Reads and writes fields of structs in structs in arrays.
// expect: accept
// run: region=0100000002000000030000000400000005000000060000000700000008000000 => r0=18 region=0100000002000000030000001200000005000000060000000700000008000000
#include "jbpf_defs.h"

struct point {
    int32_t x, y;
};

struct line {
    struct point from, to;
};

struct drawing {
    struct line lines[2];
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct drawing *drawing = (void *)ctx->data;
    if ((uint64_t)(drawing + 1) > ctx->data_end)
        return -1;
    int32_t sum = 0;
    for (int i = 0; i < 2; i++)
        sum += drawing->lines[i].from.y + drawing->lines[i].to.y;
    sum -= drawing->lines[0].from.y;
    drawing->lines[0].to.y = sum;
    return sum;
}
