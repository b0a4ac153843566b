/* Reports every 160 slots what a cell has sent since its last report. prb_use counts it, in a map
 * that is linked to the one here. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

#define CELLS 2
#define SLOTS_A_FRAME 20
#define REPORT_SLOTS 160

jbpf_array_map(prb_use, PrbUse, CELLS);
jbpf_array_map(last, PrbUse, CELLS);
jbpf_output_map(cell_reports, CellReport, 256);

SEC("jbpf_mac")
uint64_t jbpf_main(void *state)
{
    struct mac_slot_end_ctx *ctx = state;
    if ((ctx->sfn * SLOTS_A_FRAME + ctx->slot + 1) % REPORT_SLOTS != 0)
        return 0;

    SlotLoad *load = (SlotLoad *)ctx->data;
    uint32_t cell = ctx->cell;
    PrbUse *now = jbpf_map_lookup_elem(&prb_use, &cell);
    PrbUse *before = jbpf_map_lookup_elem(&last, &cell);
    if (!now || !before)
        return 1;
    CellReport *report = jbpf_get_output_buf(&cell_reports);
    if (!report)
        return 1;
    report->cell = cell;
    report->sfn = ctx->sfn;
    report->dl_ues = load->dl_ues;
    report->requests = now->requests - before->requests;
    report->prbs = now->prbs - before->prbs;
    before->requests = now->requests;
    before->prbs = now->prbs;
    return jbpf_send_output(&cell_reports);
}
