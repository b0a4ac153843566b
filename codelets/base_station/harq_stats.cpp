/* The outcomes of each UE's downlink transport blocks. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

namespace {

enum class Outcome : uint8_t { Nack = 0, Ack = 1, Dtx = 2 };

void add(HarqCounts &counts, const HarqFeedback &feedback)
{
    switch (static_cast<Outcome>(feedback.outcome)) {
    case Outcome::Ack:
        counts.ack += 1;
        break;
    case Outcome::Nack:
        counts.nack += 1;
        break;
    default:
        counts.dtx += 1;
    }
    counts.retransmissions += feedback.retransmissions;
}

} // namespace

jbpf_hash_map(harq, uint32_t, HarqCounts, 8192);

extern "C" SEC("jbpf_mac") uint64_t jbpf_main(void *state)
{
    auto *ctx = static_cast<mac_dl_harq_feedback_ctx *>(state);
    auto &feedback = *reinterpret_cast<const HarqFeedback *>(ctx->data);
    uint32_t rnti = feedback.rnti;

    auto *counts = static_cast<HarqCounts *>(jbpf_map_lookup_elem(&harq, &rnti));
    if (counts) {
        add(*counts, feedback);
        return 0;
    }
    HarqCounts first = {};
    add(first, feedback);
    return jbpf_map_update_elem(&harq, &rnti, &first, 0);
}
