// Sends a record out, and a shorter one that is filled up with zeros.
// expect: accept
// run: ctx_id=258 => r0=0 out:records=02010000070000000900000000000000,02010000000000000000000000000000
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct record {
    uint32_t id, kind;
    uint64_t value;
};

jbpf_ringbuf_map(records, struct record, 16)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct record record = {.id = ctx->ctx_id, .kind = 7, .value = 9};
    int result = jbpf_ringbuf_output(&records, &record, sizeof(record));
    return result + jbpf_ringbuf_output(&records, &record, sizeof(record.id));
}
