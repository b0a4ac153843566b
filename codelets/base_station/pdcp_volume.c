/* The volume that each bearer carries to its UE. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

jbpf_hash_map(volumes, Bearer, Volume, 16384);

SEC("jbpf_pdcp")
uint64_t jbpf_main(void *state)
{
    struct pdcp_tx_sdu_ctx *ctx = state;
    PdcpPacket *packet = (PdcpPacket *)ctx->data;
    Bearer key = {.rnti = packet->rnti, .bearer = packet->bearer};

    Volume *volume = jbpf_map_lookup_elem(&volumes, &key);
    if (!volume) {
        Volume first = {.sdus = 1, .bytes = packet->bytes};
        return jbpf_map_update_elem(&volumes, &key, &first, 0);
    }
    volume->sdus += 1;
    volume->bytes += packet->bytes;
    return 0;
}
