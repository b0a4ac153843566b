/* Shares out the resource blocks of a slot: each slice gets its part by weight, or what it needs
 * if that is less. The weights come through a channel, and may change at any time. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

namespace {

constexpr uint32_t SLICES = 4;
/* Bytes that a resource block is taken to carry. */
constexpr uint32_t BYTES_A_PRB = 64;
constexpr uint32_t NOW = 0;

} // namespace

jbpf_control_input_map(new_weights, SliceWeights, 16);
jbpf_array_map(slice_weights, SliceWeights, 1);
jbpf_array_map(slice_use, SliceUse, SLICES);

extern "C" SEC("jbpf_slice") uint64_t jbpf_main(void *state)
{
    auto *ctx = static_cast<slice_prb_quota_ctx *>(state);
    auto &slice = *reinterpret_cast<const SliceState *>(ctx->data);

    uint32_t key = NOW;
    auto *weights = static_cast<SliceWeights *>(jbpf_map_lookup_elem(&slice_weights, &key));
    if (!weights)
        return 0;
    SliceWeights received = {};
    if (jbpf_control_input_receive(&new_weights, &received, sizeof(received)) == 1)
        *weights = received;

    uint32_t sum = 0;
    for (uint32_t weight : weights->weights)
        sum += weight;
    key = slice.slice;
    auto *use = static_cast<SliceUse *>(jbpf_map_lookup_elem(&slice_use, &key));
    /* The map knows the slices that have a weight. */
    if (!use || key >= SLICES || sum == 0)
        return 0;

    uint32_t share = slice.available_prbs * weights->weights[key] / sum;
    uint32_t need = slice.backlog_bytes / BYTES_A_PRB + 1;
    uint32_t quota = need < share ? need : share;
    use->asked += 1;
    use->prbs += quota;
    if (need < share)
        use->satisfied += 1;
    return quota;
}
