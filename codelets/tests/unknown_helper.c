// Calls a helper that nobody registered.
// expect: reject E0010
#include "jbpf_defs.h"

static uint64_t (*reboot)(uint64_t) = (uint64_t(*)(uint64_t))63;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    return reboot(1); // here
}
