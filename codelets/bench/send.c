/* channel/send_32, channel/send_full and channel/drain. */
#include "bench.h"

struct Record {
    uint64_t number;
    uint64_t words[3];
};

jbpf_ringbuf_map(records, struct Record, 65536);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    REGION(struct Count, count);
    count->value += 1;
    struct Record record = {count->value, {1, 2, 3}};
    return jbpf_ringbuf_output(&records, &record, sizeof(record));
}
