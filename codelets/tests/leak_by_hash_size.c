// Passes an address where a number belongs.
// expect: reject E0029|E0032|E0035
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t data = 1;
    return jbpf_hash(&data, (uint64_t)state); // here
}
