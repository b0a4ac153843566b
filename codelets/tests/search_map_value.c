// Looks for a free slot in an array within a map value, and takes it.
// expect: accept
// run: ctx_id=7 => r0=0
// run: ctx_id=8 => r0=1
// run: ctx_id=7 => r0=0
// run: ctx_id=9 => r0=2
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct slots {
    uint32_t owner[32];
};

jbpf_array_map(table, struct slots, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t index = 0, id = ctx->ctx_id;
    struct slots *slots = jbpf_map_lookup_elem(&table, &index);
    if (!slots)
        return -1;
    for (int i = 0; i < 32; i++) {
        if (slots->owner[i] == id)
            return i;
        if (slots->owner[i] == 0) {
            slots->owner[i] = id;
            return i;
        }
    }
    return -1;
}
