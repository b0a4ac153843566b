// An index that is a remainder by a number that is no power of two: the compiler divides, multiplies and
// subtracts.
// expect: accept
// run: => r0=0
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint8_t seen[10] = {0};
    for (int i = 0; i < 20; i++)
        seen[(uint32_t)jbpf_rand() % 10] = 1;
    uint32_t sum = 0;
    for (int i = 0; i < 10; i++)
        sum += seen[i];
    return sum == 0;
}
