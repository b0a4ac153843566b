/* Hands memory to a helper that takes a map. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t memory = 1;
    return add(&memory, 0, 0); // here
}
