// A loop that ends, but after more instructions than any codelet may execute.
// expect: reject E0040|E0041
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    volatile uint64_t sum = 0;
    for (uint64_t i = 0; i < 100000000; i++)
        sum += i;
    return sum;
}
