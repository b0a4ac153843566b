/* The uplink's transport blocks, intact and broken, and how well they were received. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

#define MOST_CRCS 32

jbpf_array_map(crc, CrcCounts, 2);

SEC("jbpf_fapi")
uint64_t jbpf_main(void *state)
{
    struct fapi_crc_indication_ctx *ctx = state;
    uint32_t cell = ctx->cell;
    CrcCounts *counts = jbpf_map_lookup_elem(&crc, &cell);
    if (!counts)
        return 1;

    CrcPdu *pdu = (CrcPdu *)ctx->data;
    for (int i = 0; i < MOST_CRCS && (uint64_t)(pdu + 1) <= ctx->data_end; i++, pdu++) {
        if (pdu->passed)
            counts->passed += 1;
        else
            counts->failed += 1;
        counts->snr_sum += pdu->snr;
    }
    return 0;
}
