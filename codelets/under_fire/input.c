/* Takes a record, if there is one. */
#include "cell.h"

struct command {
    uint64_t number;
    uint64_t again;
};

jbpf_control_input_map(commands, struct command, 1024);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct cell *cell = (struct cell *)ctx->data;
    struct command command = {0};
    if (jbpf_control_input_receive(&commands, &command, sizeof(command)) == 1) {
        cell->first += 1;
        cell->second = command.number;
        if (command.number != command.again)
            cell->failed += 1;
    }
    return 0;
}
