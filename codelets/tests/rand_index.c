// A random index, made small enough with a remainder.
// expect: accept
// run: => r0=0
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint8_t seen[16] = {0};
    for (int i = 0; i < 20; i++)
        seen[(uint32_t)jbpf_rand() % 16] = 1;
    uint32_t sum = 0;
    for (int i = 0; i < 16; i++)
        sum += seen[i];
    return sum == 0;
}
