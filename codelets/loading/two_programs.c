/* Two programs in one object, where a codelet is one. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    return 1;
}

SEC("jbpf_generic/other")
uint64_t other(void *state)
{
    return 2;
}
