// An atomic addition to a variable of the object, in 32 bits.
// expect: accept
// run: => r0=1
// run: => r0=2
#include "jbpf_defs.h"

static uint32_t calls;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    __sync_fetch_and_add(&calls, 1);
    return *(volatile uint32_t *)&calls;
}
