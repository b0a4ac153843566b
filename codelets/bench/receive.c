/* channel/receive_empty: counts the calls that found nothing. */
#include "bench.h"

jbpf_control_input_map(commands, uint64_t, 64);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    REGION(struct Count, count);
    uint64_t command = 0;
    if (jbpf_control_input_receive(&commands, &command, sizeof(command)) == 0)
        count->value += 1;
    return command;
}
