// A counter of which each thread has its own.
// expect: accept
// run: => r0=1
// run: => r0=2
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_per_thread_array_map(calls, uint64_t, 4)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 3;
    uint64_t *count = jbpf_map_lookup_elem(&calls, &index);
    if (!count)
        return 0;
    return ++*count;
}
