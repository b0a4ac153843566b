// Takes input from an output channel.
// expect: reject E0033
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_ringbuf_map(records, uint64_t, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t record = 0;
    return jbpf_control_input_receive(&records, &record, sizeof(record)); // here
}
