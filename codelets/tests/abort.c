// Assertions in the place of comparisons, in the entry and in functions, of which one never returns.
// expect: accept
// run: region=01000000000000000a00000000000000 => r0=10
// run: region=0100000000000000 => r0=0
// run: region=04000000000000000a00000000000000 => r0=0
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(totals, uint64_t, 4)

static __noinline void fail(uint64_t *total, uint64_t kind)
{
    *total = 0;
    jbpf_abort(kind);
}

static __noinline uint64_t add(uint32_t index, uint64_t number)
{
    uint64_t *total = jbpf_map_lookup_elem(&totals, &index);
    if (!total)
        jbpf_abort(JBPF_ABORT_INDEX);
    if (*total + number < number)
        fail(total, JBPF_ABORT_OVERFLOW);
    *total += number;
    return *total;
}

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint64_t *numbers = (uint64_t *)ctx->data;
    jbpf_assert((uint64_t)(numbers + 2) <= ctx->data_end);
    return add(numbers[0], numbers[1]);
}
