/* A mistake, to see that the example finds it: as divert_late, but the packets stay where they are. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

#define MAIN_LANE 0

/* Set by the application; 0: nothing is late. */
jbpf_array_map(deadline_ns, uint64_t, 1);
jbpf_output_map(late_packets, Late, 16384);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct route_ctx *ctx = state;
    Packet *packet = (Packet *)ctx->data;

    uint32_t index = 0;
    uint64_t *deadline = jbpf_map_lookup_elem(&deadline_ns, &index);
    if (!deadline || *deadline == 0 || ctx->waited_ns <= *deadline)
        return MAIN_LANE;

    /* Filled where the application reads it. When there is no room the record is lost, and counted as such. */
    Late *late = jbpf_get_output_buf(&late_packets);
    if (late) {
        late->flow = packet->flow;
        late->waited_ns = ctx->waited_ns;
        jbpf_send_output(&late_packets);
    }
    return MAIN_LANE;
}
