// Casts const away, and writes.
// expect: reject E0023
#include "jbpf_defs.h"

const volatile uint64_t limits[2] = {1, 2};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    *(volatile uint64_t *)&limits[1] = 5; // here
    return limits[0];
}
