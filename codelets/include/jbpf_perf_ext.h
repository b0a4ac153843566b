/* The statistics that hook report_stats passes: how long the codelets of each hook took. */
#ifndef JBPF_PERF_EXT_H
#define JBPF_PERF_EXT_H

#include "jbpf_common_types.h"

/* Bins of a histogram. Bin n counts the times of 2^n to 2^(n+1) - 1 ns. */
#ifndef JBPF_NUM_HIST_BINS
#define JBPF_NUM_HIST_BINS 64
#endif

/* The width of a linear bin, for sources that rebin. */
#ifndef JBPF_NSECS_PER_BIN
#define JBPF_NSECS_PER_BIN 100
#endif

/* Hooks in one report. */
#ifndef MAX_NUM_HOOKS
#define MAX_NUM_HOOKS 128
#endif

/* One hook's measurements since the report before. */
struct jbpf_perf_data {
    uint64_t num;                       /* calls */
    uint64_t min;                       /* shortest, ns */
    uint64_t max;                       /* longest, ns */
    uint32_t hist[JBPF_NUM_HIST_BINS];  /* calls by time */
    jbpf_hook_name_t hook_name;
};
_Static_assert(sizeof(struct jbpf_perf_data) == 536, "an entry of the report is 536 bytes");

/* The memory between data and data_end of report_stats. */
struct jbpf_perf_hook_list {
    uint8_t num_reported_hooks; /* how many entries are filled */
    struct jbpf_perf_data perf_data[MAX_NUM_HOOKS];
};
_Static_assert(offsetof(struct jbpf_perf_hook_list, perf_data) == 8, "entries begin at byte 8");
_Static_assert(
    MAX_NUM_HOOKS != 128 || sizeof(struct jbpf_perf_hook_list) == 68616,
    "a report is 68,616 bytes");

#endif
