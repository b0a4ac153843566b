// Prints an address.
// expect: reject E0029|E0032|E0036
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    jbpf_printf_debug("context at %lx", state); // here
    return 0;
}
