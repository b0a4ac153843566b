// Notices when a hash map is full, and makes room.
// expect: accept
// run: ctx_id=1 => r0=0
// run: ctx_id=2 => r0=0
// run: ctx_id=3 => r0=1 map:small[01000000]=none map:small[03000000]=0300000000000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_hash_map(small, uint32_t, uint64_t, 2)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint32_t key = ctx->ctx_id;
    uint64_t value = key;
    int result = jbpf_map_update_elem(&small, &key, &value, 0);
    if (result == JBPF_MAP_FULL) {
        jbpf_map_clear(&small);
        jbpf_map_update_elem(&small, &key, &value, 0);
        return 1;
    }
    return result;
}
