/* Stays loaded while others come and go: every call runs it once. */
#include "jbpf_helper.h"

#include "cell.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct cell *cell = (struct cell *)ctx->data;
    if (cell + 1 > (struct cell *)ctx->data_end)
        return 1;
    cell->steady += 1;
    return 0;
}
