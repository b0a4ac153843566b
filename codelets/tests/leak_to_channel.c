// Sends an address out in a record.
// expect: reject E0029|E0034
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_ringbuf_map(records, uint64_t, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t address = (uint64_t)state;
    return jbpf_ringbuf_output(&records, &address, sizeof(address)); // here
}
