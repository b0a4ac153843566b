/*
 * Sums up what hook report_stats reports of each hook, and sends a summary a second out.
 *
 * A report lists up to 128 hooks; each entry is looked at once, and every access to the map's value is
 * within it: what a report says of itself (num_reported_hooks) is bounded before it is an index.
 */
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#include "jbpf_perf_ext.h"

/* The hooks that one summary has room for. */
#define SUMMARY_HOOKS 16

typedef struct HookSummary {
    jbpf_hook_name_t hook_name;
    uint64_t calls;
    uint64_t min_ns;
    uint64_t max_ns;
    /* The lower bound of the histogram bin that holds the middle call. */
    uint64_t median_ns;
} HookSummary;

typedef struct Summary {
    uint64_t timestamp_ns;
    uint32_t period_us;
    uint32_t hooks;
    HookSummary hook[SUMMARY_HOOKS];
} Summary;

jbpf_output_map(summaries, Summary, 16);
jbpf_array_map(reports, uint64_t, 1);

/* The power of two below which half of the calls are. */
static __noinline uint64_t median(const struct jbpf_perf_data *data)
{
    uint64_t half = data->num / 2, seen = 0;
    for (int bin = 0; bin < JBPF_NUM_HIST_BINS; bin++) {
        seen += data->hist[bin];
        if (seen > half)
            return 1ULL << bin;
    }
    return 0;
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
    __sync_fetch_and_add(count, 1);

    Summary *summary = jbpf_get_output_buf(&summaries);
    if (!summary)
        return 1;
    uint32_t hooks = report->num_reported_hooks;
    if (hooks > SUMMARY_HOOKS)
        hooks = SUMMARY_HOOKS;
    summary->timestamp_ns = jbpf_time_get_ns();
    summary->period_us = ctx->meas_period;
    summary->hooks = hooks;
    for (uint32_t i = 0; i < SUMMARY_HOOKS && i < hooks; i++) {
        const struct jbpf_perf_data *from = &report->perf_data[i];
        HookSummary *to = &summary->hook[i];
        for (int at = 0; at < (int)sizeof(jbpf_hook_name_t); at++)
            to->hook_name[at] = from->hook_name[at];
        to->calls = from->num;
        to->min_ns = from->min;
        to->max_ns = from->max;
        to->median_ns = median(from);
    }
    return jbpf_send_output(&summaries) < 0;
}
