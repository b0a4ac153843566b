// Reads the map itself instead of a value in it.
// expect: reject E0026|E0027
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_array_map(counter, uint64_t, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    return *(volatile uint32_t *)&counter; // here
}
