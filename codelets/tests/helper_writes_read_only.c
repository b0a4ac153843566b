// A helper would write to constants.
// expect: reject E0034|E0023
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_control_input_map(commands, uint64_t, 4)

const volatile uint64_t fixed = 7;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    return jbpf_control_input_receive(&commands, (void *)&fixed, sizeof(fixed)); // here
}
