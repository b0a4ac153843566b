/* Helpers that take and return numbers (7 to 9 and 13 to 15), and the hash of memory (10). */
#include "call.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct call *call = (struct call *)ctx->data;
    if ((uint64_t)(call + 1) > ctx->data_end)
        return 1;

    uint64_t size = call->size;
    switch (call->helper) {
    case JBPF_TIME_GET_NS:
        call->value = jbpf_time_get_ns();
        break;
    case JBPF_GET_SYS_TIME:
        call->value = jbpf_get_sys_time(call->key != 0);
        break;
    case JBPF_GET_SYS_TIME_DIFF_NS:
        call->value = jbpf_get_sys_time_diff_ns(call->memory[0], call->memory[1]);
        break;
    case JBPF_HASH:
        if (size > sizeof(call->memory))
            return 2;
        call->value = jbpf_hash(call->memory, size);
        break;
    case JBPF_MARK_RUNTIME_INIT:
        jbpf_mark_runtime_init();
        break;
    case JBPF_RUNTIME_LIMIT_EXCEEDED:
        call->result = jbpf_check_runtime_limit();
        break;
    case JBPF_RAND:
        call->result = jbpf_rand();
        break;
    default:
        return 3;
    }
    return 0;
}
