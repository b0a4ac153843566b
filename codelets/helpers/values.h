/* Helpers 1 to 6 on the map `map`: u32 keys, u64 values. */
#include "call.h"

struct element {
    uint32_t key;
    uint64_t value;
} __attribute__((packed));

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct call *call = (struct call *)ctx->data;
    if ((uint64_t)(call + 1) > ctx->data_end)
        return 1;

    uint32_t key = call->key;
    uint64_t value = call->value;
    uint64_t *found = 0;
    int64_t result = 0;
    uint32_t size = call->size;
    switch (call->helper) {
    case JBPF_MAP_LOOKUP:
        found = jbpf_map_lookup_elem(&map, &key);
        break;
    case JBPF_MAP_LOOKUP_RESET:
        found = jbpf_map_lookup_reset_elem(&map, &key);
        break;
    case JBPF_MAP_UPDATE:
        result = jbpf_map_update_elem(&map, &key, &value, ~0ULL);
        break;
    case JBPF_MAP_DELETE:
        result = jbpf_map_delete_elem(&map, &key);
        break;
    case JBPF_MAP_CLEAR:
        result = jbpf_map_clear(&map);
        break;
    case JBPF_MAP_DUMP:
        if (size > sizeof(call->memory))
            return 2;
        result = jbpf_map_dump(&map, call->memory, size, 0);
        break;
    default:
        return 3;
    }
    call->result = result;
    call->found = found != 0;
    if (found)
        call->value = *found;
    return 0;
}
