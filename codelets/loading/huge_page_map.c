/* A map that fills a huge page of two mebibytes. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(large, uint64_t, 1 << 18);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    return jbpf_map_lookup_elem(&large, &index) != 0;
}
