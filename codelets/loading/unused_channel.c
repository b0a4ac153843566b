/* A channel that the program does not use needs no entry in the request. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_ringbuf_map(records, uint64_t, 8);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    return 5;
}
