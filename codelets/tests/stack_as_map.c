// Passes something that is no map.
// expect: reject E0032|E0033
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t key = 0;
    uint64_t map[4] = {1, 4, 8, 1};
    return jbpf_map_lookup_elem(map, &key) != 0; // here
}
