/* Hands eight bytes to a helper that takes sixteen. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t half = 1;
    return priority_of((Flow *)&half, 3); // here
}
