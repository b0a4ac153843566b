// Reads half of a pointer as a number.
// expect: reject E0018
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    volatile uint32_t *ctx = state;
    return ctx[0]; // here
}
