/* hook/armed: the least that can be seen from outside. */
#include "bench.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    REGION(struct Count, count);
    count->value += 1;
    return 0;
}
