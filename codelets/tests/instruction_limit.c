// Costs more than the hook allows.
// expect: reject E0042
// context: limit100
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    volatile uint64_t sum = 0;
    for (uint64_t i = 0; i < 50; i++)
        sum += i;
    return sum;
}
