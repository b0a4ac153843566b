/* Comes and goes under fire. Counts its calls in a map, so that the totals can be compared. */
#include "jbpf_helper.h"

#include "cell.h"

#ifndef VERSION
#define VERSION 1
#endif

jbpf_array_map(calls, uint64_t, 1);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct cell *cell = (struct cell *)ctx->data;
    if (cell + 1 > (struct cell *)ctx->data_end)
        return 1;

    uint32_t index = 0;
    uint64_t *count = jbpf_map_lookup_elem(&calls, &index);
    if (!count)
        return 1;
    __sync_fetch_and_add(count, 1);
    cell->passing += 1;
    cell->version = VERSION;
    return 0;
}
