/* Counts the packets of the C-plane. Its map is that of all three codelets that count packets. */
#include "xran_count.h"

SEC("jbpf_xran")
uint64_t jbpf_main(void *state)
{
    return count_packet(CONTROL_SENT, state);
}
