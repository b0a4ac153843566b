/* clock/time_get_ns. */
#include "bench.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    REGION(struct Count, count);
    count->value = jbpf_time_get_ns();
    return 0;
}
