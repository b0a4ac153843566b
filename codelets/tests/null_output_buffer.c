// Fills a reserved record without asking whether there is one.
// expect: reject E0025
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_output_map(samples, uint64_t, 4)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t *sample = jbpf_get_output_buf(&samples);
    *sample = 1; // here
    return jbpf_send_output(&samples);
}
