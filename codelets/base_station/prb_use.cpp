/* How full the carrier is: PDUs and resource blocks of each TTI request. Attached twice: to the
 * requests of the downlink, and to those of the uplink. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

namespace {

constexpr uint64_t CARRIER_PRBS = 273;
constexpr uint32_t MOST_PDUS = 32;
constexpr uint64_t FULL = 10;

/* The PDUs of a request, as a range. */
struct Pdus {
    const TtiPdu *first;
    const TtiPdu *last;

    explicit Pdus(const fapi_dl_tti_request_ctx &ctx)
        : first(reinterpret_cast<const TtiPdu *>(ctx.data)),
          last(reinterpret_cast<const TtiPdu *>(ctx.data_end))
    {
    }
};

} // namespace

jbpf_array_map(prb_use, PrbUse, 2);

extern "C" SEC("jbpf_fapi") uint64_t jbpf_main(void *state)
{
    auto &ctx = *static_cast<fapi_dl_tti_request_ctx *>(state);
    Pdus pdus(ctx);

    uint64_t count = 0;
    uint64_t prbs = 0;
    const TtiPdu *pdu = pdus.first;
    while (count < MOST_PDUS && pdu + 1 <= pdus.last) {
        prbs += pdu->rb_size;
        count += 1;
        pdu += 1;
    }

    uint32_t cell = ctx.cell;
    auto *use = static_cast<PrbUse *>(jbpf_map_lookup_elem(&prb_use, &cell));
    if (!use)
        return 1;
    use->requests += 1;
    use->pdus += count;
    use->prbs += prbs;
    if (prbs > use->most_prbs)
        use->most_prbs = prbs;
    uint64_t tenth = prbs * 10 / CARRIER_PRBS;
    use->tenths[tenth < FULL ? tenth : FULL] += 1;
    return 0;
}
