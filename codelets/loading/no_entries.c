/* A map without entries. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(empty, uint64_t, 0);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    return jbpf_map_lookup_elem(&empty, &index) != 0;
}
