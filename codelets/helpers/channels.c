/* Helpers 12 and 16 to 18: records of sixteen bytes out, by copy and in place, and in. */
#include "call.h"

struct record {
    uint64_t words[2];
};

jbpf_ringbuf_map(copied, struct record, 4);
jbpf_output_map(filled, struct record, 4);
jbpf_control_input_map(taken, struct record, 4);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct call *call = (struct call *)ctx->data;
    if ((uint64_t)(call + 1) > ctx->data_end)
        return 1;

    uint64_t size = call->size;
    if (size > sizeof(call->memory))
        return 2;
    struct record *record;
    switch (call->helper) {
    case JBPF_RINGBUF_OUTPUT:
        call->result = jbpf_ringbuf_output(&copied, call->memory, size);
        break;
    case JBPF_CONTROL_INPUT_RECEIVE:
        call->result = jbpf_control_input_receive(&taken, call->memory, size);
        break;
    case JBPF_GET_OUTPUT_BUF:
        record = jbpf_get_output_buf(&filled);
        call->found = record != 0;
        if (!record)
            break;
        /* What this thread left there is there still. */
        call->memory[0] = record->words[0];
        record->words[0] = call->value;
        record->words[1] = call->value;
        /* The same one again, until it is sent. */
        struct record *again = jbpf_get_output_buf(&filled);
        call->result = again == record;
        break;
    case JBPF_SEND_OUTPUT:
        call->result = jbpf_send_output(&filled);
        break;
    default:
        return 3;
    }
    return 0;
}
