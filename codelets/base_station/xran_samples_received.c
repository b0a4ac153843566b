/* Counts the packets of the U-plane that come from the radio units. */
#include "xran_count.h"

SEC("jbpf_xran")
uint64_t jbpf_main(void *state)
{
    return count_packet(SAMPLES_RECEIVED, state);
}
