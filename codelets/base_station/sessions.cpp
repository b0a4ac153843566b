/* Sends a record of each UE that leaves. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

jbpf_ringbuf_map(departures, Session, 1024);

extern "C" SEC("jbpf_ue") uint64_t jbpf_main(void *state)
{
    auto *ctx = static_cast<ue_context_removed_ctx *>(state);
    auto &ue = *reinterpret_cast<const UeState *>(ctx->data);
    Session session = {};
    session.ue_id = ue.ue_id;
    session.rnti = ue.rnti;
    session.slice = ue.slice;
    session.bearers = ue.bearers;
    session.lasted_ns = ctx->time_ns - ue.created_ns;
    return jbpf_ringbuf_output(&departures, &session, sizeof(session));
}
