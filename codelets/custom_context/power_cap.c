/* Sends slots that are nearly empty with 6 dB less, and counts what each carrier sends. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

#define MOST_BLOCKS 16
#define FEW_BYTES 4000
#define LESS 60

jbpf_array_map(carriers, Carrier, 3);

SEC("jbpf_slot")
uint64_t jbpf_main(void *state)
{
    struct slot_scheduled_ctx *ctx = state;

    uint64_t blocks = 0;
    uint64_t bytes = 0;
    Block *block = (Block *)ctx->data;
    while (blocks < MOST_BLOCKS && (uint64_t)(block + 1) <= ctx->data_end) {
        bytes += block->bytes;
        blocks += 1;
        block += 1;
    }

    uint32_t number = ctx->carrier;
    Carrier *carrier = jbpf_map_lookup_elem(&carriers, &number);
    if (!carrier)
        return 1;
    carrier->slots += 1;
    carrier->blocks += blocks;
    carrier->bytes += bytes;
    if (bytes < FEW_BYTES) {
        carrier->lowered += 1;
        ctx->power -= LESS;
    }
    return 0;
}
