/* Grants, resource blocks and bytes of each UE. Attached twice: to the grants of the downlink, and
 * to those of the uplink. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

jbpf_hash_map(ue_traffic, uint32_t, UeTraffic, 8192);

SEC("jbpf_mac")
uint64_t jbpf_main(void *state)
{
    struct mac_dl_scheduled_ctx *ctx = state;
    Grant *grant = (Grant *)ctx->data;
    uint32_t rnti = grant->rnti;

    UeTraffic *ue = jbpf_map_lookup_elem(&ue_traffic, &rnti);
    if (!ue) {
        UeTraffic first = {
            .grants = 1,
            .prbs = grant->rb_size,
            .bytes = grant->tb_bytes,
            .first_ns = ctx->time_ns,
            .last_ns = ctx->time_ns,
        };
        return jbpf_map_update_elem(&ue_traffic, &rnti, &first, 0);
    }
    /* The scheduler is one thread: nobody else writes here. */
    ue->grants += 1;
    ue->prbs += grant->rb_size;
    ue->bytes += grant->tb_bytes;
    ue->last_ns = ctx->time_ns;
    return 0;
}
