/*
 * Sends a record for each hook of each report: all 128 of them, if there are that many.
 */
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#include "jbpf_perf_ext.h"

typedef struct HookReport {
    uint64_t report; /* which one, from 0 */
    uint32_t period_us;
    uint32_t hooks; /* in this report */
    uint64_t calls;
    uint64_t min_ns;
    uint64_t max_ns;
    uint64_t in_histogram;
    jbpf_hook_name_t hook_name;
} HookReport;

jbpf_output_map(hooks, HookReport, 1024);
jbpf_array_map(reports, uint64_t, 1);

static __noinline uint64_t in_histogram(const struct jbpf_perf_data *data)
{
    uint64_t calls = 0;
    for (int bin = 0; bin < JBPF_NUM_HIST_BINS; bin++)
        calls += data->hist[bin];
    return calls;
}

SEC("jbpf_stats")
uint64_t jbpf_main(void *state)
{
    struct jbpf_stats_ctx *ctx = state;
    const struct jbpf_perf_hook_list *report = (void *)ctx->data;
    if ((uint64_t)(report + 1) > ctx->data_end)
        return 1;

    uint32_t index = 0;
    uint64_t *count = jbpf_map_lookup_elem(&reports, &index);
    if (!count)
        return 1;
    uint64_t number = *count;
    *count += 1;

    uint32_t reported = report->num_reported_hooks;
    for (uint32_t i = 0; i < MAX_NUM_HOOKS && i < reported; i++) {
        const struct jbpf_perf_data *from = &report->perf_data[i];
        HookReport *to = jbpf_get_output_buf(&hooks);
        if (!to)
            return 1;
        to->report = number;
        to->period_us = ctx->meas_period;
        to->hooks = reported;
        to->calls = from->num;
        to->min_ns = from->min;
        to->max_ns = from->max;
        to->in_histogram = in_histogram(from);
        for (int at = 0; at < (int)sizeof(jbpf_hook_name_t); at += 8)
            *(uint64_t *)(to->hook_name + at) = *(const uint64_t *)(from->hook_name + at);
        jbpf_send_output(&hooks);
    }
    return 0;
}
