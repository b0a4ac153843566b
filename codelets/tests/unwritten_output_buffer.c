// Hands a buffer to a helper that fills it: it need not be written before.
// expect: accept
// run: => r0=0
// run: in:commands=0700000000000000 => r0=7
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_control_input_map(commands, uint64_t, 4)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t command;
    if (jbpf_control_input_receive(&commands, &command, sizeof(command)) != 1)
        return 0;
    return command;
}
