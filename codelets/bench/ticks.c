/* clock/ticks: two looks at the tick clock, and the time between them. */
#include "bench.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    REGION(struct Count, count);
    uint64_t start = jbpf_get_sys_time(true);
    uint64_t end = jbpf_get_sys_time(false);
    count->value += jbpf_get_sys_time_diff_ns(start, end);
    return 0;
}
