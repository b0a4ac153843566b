// A loop that takes one step too many through a map value.
// expect: reject E0022
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct counts {
    uint32_t count[16];
};

jbpf_array_map(counters, struct counts, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    uint64_t sum = 0;
    struct counts *counts = jbpf_map_lookup_elem(&counters, &index);
    if (!counts)
        return 0;
    for (int i = 0; i <= 16; i++)
        sum += ((volatile uint32_t *)counts->count)[i]; // here
    return sum;
}
