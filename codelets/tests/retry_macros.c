// The macros that repeat a map operation while it is busy.
// expect: accept
// run: ctx_id=3 => r0=0 map:table[03000000]=none
// run: ctx_id=4 => r0=0
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_hash_map(table, uint32_t, uint64_t, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t key = ctx->ctx_id;
    uint64_t value = 42;
    if (jbpf_map_try_update_elem(&table, &key, &value, 0) != JBPF_MAP_SUCCESS)
        return 1;
    uint8_t dump[128] = {0};
    if (jbpf_map_try_dump(&table, dump, sizeof(dump), 0) != 1)
        return 2;
    if (jbpf_map_try_delete_elem(&table, &key) != JBPF_MAP_SUCCESS)
        return 3;
    if (jbpf_map_try_clear(&table) != JBPF_MAP_SUCCESS)
        return 4;
    return 0;
}
