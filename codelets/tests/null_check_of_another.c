// Compares one pointer with null, and uses another.
// expect: reject E0025
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(counter, uint64_t, 2)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    uint64_t *first = jbpf_map_lookup_elem(&counter, &index);
    index = 1;
    uint64_t *second = jbpf_map_lookup_elem(&counter, &index);
    if (!first)
        return 0;
    return *second; // here
}
