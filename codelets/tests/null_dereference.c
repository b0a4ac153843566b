// Uses what a lookup returned without comparing it with null.
// expect: reject E0025
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(counter, uint64_t, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    uint64_t *count = jbpf_map_lookup_elem(&counter, &index);
    return *count; // here
}
