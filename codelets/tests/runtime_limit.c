// Stops a long loop when the time that the operator gave is over.
// expect: accept
// run: => r0=100
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t steps = 0;
    jbpf_mark_runtime_init();
    for (int i = 0; i < 100; i++) {
        if (jbpf_check_runtime_limit())
            break;
        steps++;
    }
    return steps;
}
