/* A map of two gibibytes. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(huge, uint64_t, 1 << 28);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    return jbpf_map_lookup_elem(&huge, &index) != 0;
}
