/* The first example's codelet, but for the sign of what it sends. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "../first_example/hooks.h"

jbpf_ringbuf_map(outmap, Packet, 256);
jbpf_control_input_map(inmap, PacketResp, 256);
jbpf_array_map(counter, int32_t, 1);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct example_ctx *ctx = state;
    Packet *packet = (Packet *)ctx->data;
    Packet *packet_end = (Packet *)ctx->data_end;
    if (packet + 1 > packet_end)
        return 1;

    uint32_t index = 0;
    int32_t *calls = jbpf_map_lookup_elem(&counter, &index);
    if (!calls)
        return 1;
    *calls += 1;

    Packet echo = *packet;
    echo.value = -echo.value;
    /* When the channel is full the packet is dropped, and counted there. */
    jbpf_ringbuf_output(&outmap, &echo, sizeof(echo));

    PacketResp response = {0};
    if (jbpf_control_input_receive(&inmap, &response, sizeof(response)) > 0)
        jbpf_printf_debug(
            " Called %d times so far and received response for seq_no %d\n\n",
            *calls,
            response.seq_no);
    return 0;
}
