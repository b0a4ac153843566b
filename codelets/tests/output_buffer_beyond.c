// Writes behind a reserved record.
// expect: reject E0024
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_output_map(samples, uint64_t, 4)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t *sample = jbpf_get_output_buf(&samples);
    if (!sample)
        return 0;
    sample[1] = 1; // here
    return jbpf_send_output(&samples);
}
