// A variable with an initial value, kept from call to call.
// expect: accept
// run: => r0=5
// run: => r0=6
// run: => r0=7
#include "jbpf_defs.h"

static uint64_t next = 5;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    return next++;
}
