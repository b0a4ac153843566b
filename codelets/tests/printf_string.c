// Prints a text from the region, of which nobody knows where it ends.
// expect: reject E0036|E0029|E0032
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    jbpf_printf_debug("name %s", ctx->data); // here
    return 0;
}
