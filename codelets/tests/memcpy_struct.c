// Copies a struct from the region to the stack, changes it, and stores it in a map.
// expect: accept
// run: region=0a00000000000000010203040506070814000000 => r0=30 map:last[00000000]=0b0000000000000001020304050607081400000000000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#include <string.h>

struct event {
    uint64_t id;
    uint8_t tag[8];
    uint32_t size;
} __attribute__((packed));

struct stored {
    uint64_t id;
    uint8_t tag[8];
    uint32_t size;
    uint32_t unused;
};

jbpf_array_map(last, struct stored, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct event *event = (void *)ctx->data;
    struct stored copy;
    uint32_t index = 0;
    if ((uint64_t)(event + 1) > ctx->data_end)
        return 0;
    memset(&copy, 0, sizeof(copy));
    memcpy(&copy, event, sizeof(*event));
    uint64_t sum = copy.id + copy.size;
    copy.id++;
    jbpf_map_update_elem(&last, &index, &copy, 0);
    return sum;
}
