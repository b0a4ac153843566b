/* Asks the built-in helpers that an application may replace: 7, 8, 9, 14 and 15. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct ask_ctx *ctx = state;
    Answer *answer = (Answer *)ctx->data;

    answer->results[0] = jbpf_time_get_ns();
    uint64_t start = jbpf_get_sys_time(true);
    uint64_t end = jbpf_get_sys_time(false);
    answer->results[1] = start;
    answer->results[2] = end;
    answer->results[3] = jbpf_get_sys_time_diff_ns(start, end);
    answer->results[4] = jbpf_check_runtime_limit();
    answer->results[5] = jbpf_rand();
    return 0;
}
