// Cuts the terminator of a format off.
// expect: reject E0036
#include "jbpf_defs.h"
#include "jbpf_helper.h"

static const char format[4] = {'a', 'b', 'c', '%'};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    jbpf_printf(format, sizeof(format)); // here
    return 0;
}
