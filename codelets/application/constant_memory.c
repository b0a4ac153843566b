/* Hands constants to a helper that writes. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

static const volatile Flow constant = {1, 2, 3};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    return fails((Flow *)&constant); // here
}
