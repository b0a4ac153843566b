// Looks up a key in a channel, which has none.
// expect: reject E0033
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_ringbuf_map(records, uint64_t, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t key = 0;
    return jbpf_map_lookup_elem(&records, &key) != 0; // here
}
