// Writes to a record that was already sent.
// expect: reject E0037
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_output_map(samples, uint64_t, 4)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t *sample = jbpf_get_output_buf(&samples);
    if (!sample)
        return 0;
    *sample = 1;
    jbpf_send_output(&samples);
    *sample = 2; // here
    return 0;
}
