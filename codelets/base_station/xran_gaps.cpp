/* The time between two U-plane packets of an antenna port: a radio unit that stutters is seen here
 * first. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"
#include "time_bins.h"

namespace {

constexpr uint32_t ANTENNAS = 4;
constexpr uint32_t PORTS = 8;

} // namespace

jbpf_array_map(gaps, Gaps, PORTS);

extern "C" SEC("jbpf_xran") uint64_t jbpf_main(void *state)
{
    auto &ctx = *static_cast<xran_uplane_received_ctx *>(state);
    uint32_t port = ctx.cell * ANTENNAS + ctx.antenna;
    auto *of_port = static_cast<Gaps *>(jbpf_map_lookup_elem(&gaps, &port));
    if (!of_port)
        return 1;
    if (of_port->packets > 0) {
        uint64_t gap = ctx.time_ns - of_port->last_ns;
        if (gap > of_port->longest_ns)
            of_port->longest_ns = gap;
        count_time(of_port->bins, gap);
    }
    of_port->packets += 1;
    of_port->last_ns = ctx.time_ns;
    return 0;
}
