// Follows a connection's state from call to call.
// expect: accept
// run: region=01 => r0=1
// run: region=02 => r0=2
// run: region=09 => r0=2
// run: region=03 => r0=3
// run: region=01 => r0=0
#include "jbpf_defs.h"
#include "jbpf_helper.h"

enum state { CLOSED, OPENING, OPEN, CLOSING };
enum event { SYN = 1, ACK = 2, FIN = 3 };

jbpf_array_map(connection, uint32_t, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *event = (void *)ctx->data;
    uint32_t index = 0;
    if ((uint64_t)(event + 1) > ctx->data_end)
        return -1;
    uint32_t *current = jbpf_map_lookup_elem(&connection, &index);
    if (!current)
        return -1;
    switch (*current) {
    case CLOSED:
        if (*event == SYN)
            *current = OPENING;
        break;
    case OPENING:
        if (*event == ACK)
            *current = OPEN;
        else if (*event == FIN)
            *current = CLOSED;
        break;
    case OPEN:
        if (*event == FIN)
            *current = CLOSING;
        break;
    default:
        *current = CLOSED;
    }
    return *current;
}
