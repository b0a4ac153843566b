// Copies a hash map to the stack and adds up its values.
// expect: accept
// run: ctx_id=1 => r0=100
// run: ctx_id=2 => r0=300
// run: ctx_id=3 => r0=600
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#include <string.h>

jbpf_hash_map(table, uint32_t, uint32_t, 8)

struct element {
    uint32_t key, value;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t key = ctx->ctx_id, value = key * 100;
    struct element elements[8];
    memset(elements, 0, sizeof(elements));
    jbpf_map_update_elem(&table, &key, &value, 0);
    int count = jbpf_map_dump(&table, elements, sizeof(elements), 0);
    uint64_t sum = 0;
    for (int i = 0; i < 8; i++) {
        if (i >= count)
            break;
        sum += elements[i].value;
    }
    return sum;
}
