// Measures with both clocks.
// expect: accept
// run: => r0=0
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t start = jbpf_get_sys_time(true);
    uint64_t wall = jbpf_time_get_ns();
    uint64_t end = jbpf_get_sys_time(false);
    uint64_t passed = jbpf_get_sys_time_diff_ns(start, end);
    if (wall == 0 || end < start)
        return 1;
    /* An hour is more than two ticks can be apart. */
    return passed > 3600ull * 1000000000ull;
}
