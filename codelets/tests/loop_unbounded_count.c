// A loop whose number of rounds comes from outside.
// expect: reject E0040|E0041
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t rounds = jbpf_time_get_ns();
    uint64_t sum = 0;
    for (uint64_t i = 0; i < rounds; i++)
        sum += jbpf_rand();
    return sum;
}
