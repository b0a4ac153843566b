/* hook/control: the answer is a number of the request. */
#include "bench.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    REGION(struct Count, count);
    return count->value + 1;
}
