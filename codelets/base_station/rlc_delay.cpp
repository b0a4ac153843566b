/* How long SDUs take from the queue to their last byte, by the mode of the bearer. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"
#include "time_bins.h"

namespace {

constexpr uint32_t MODES = 3;

} // namespace

jbpf_array_map(delays, Delays, MODES);

extern "C" SEC("jbpf_rlc") uint64_t jbpf_main(void *state)
{
    auto *ctx = static_cast<rlc_tx_sdu_finished_ctx *>(state);
    auto &sdu = *reinterpret_cast<const RlcSdu *>(ctx->data);
    uint32_t mode = sdu.mode;
    auto *of_mode = static_cast<Delays *>(jbpf_map_lookup_elem(&delays, &mode));
    if (!of_mode)
        return 1;
    of_mode->sdus += 1;
    of_mode->total_ns += sdu.delay_ns;
    if (sdu.delay_ns > of_mode->longest_ns)
        of_mode->longest_ns = sdu.delay_ns;
    count_time(of_mode->bins, sdu.delay_ns);
    return 0;
}
