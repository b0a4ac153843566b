// Sends a record of which some bytes were never written.
// expect: reject E0015|E0034
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct record {
    uint32_t id;
    uint64_t value;
};

jbpf_ringbuf_map(records, struct record, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct record record;
    record.id = 1;
    record.value = 2;
    return jbpf_ringbuf_output(&records, &record, sizeof(record)); // here
}
