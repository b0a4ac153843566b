/* Hands a map of each kind to a helper of the application, which adds to the value of a key. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

jbpf_array_map(array, uint64_t, 4);
jbpf_hash_map(hash, uint32_t, uint64_t, 4);
jbpf_per_thread_array_map(thread_array, uint64_t, 4);
jbpf_per_thread_hash_map(thread_hash, uint32_t, uint64_t, 4);
jbpf_ringbuf_map(ringbuf, uint64_t, 4);
jbpf_output_map(output, uint64_t, 4);
jbpf_control_input_map(input, uint64_t, 4);

struct jbpf_load_map_def SEC("maps") own = {
    .type = 20,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 4,
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct ask_ctx *ctx = state;
    Answer *answer = (Answer *)ctx->data;

    answer->results[0] = (int64_t)add(&array, ctx->key, 5);
    answer->results[1] = (int64_t)add(&hash, ctx->key, 5);
    answer->results[2] = (int64_t)add(&thread_array, ctx->key, 5);
    answer->results[3] = (int64_t)add(&thread_hash, ctx->key, 5);
    answer->results[4] = (int64_t)add(&ringbuf, ctx->key, 5);
    answer->results[5] = (int64_t)add(&output, ctx->key, 5);
    answer->results[6] = (int64_t)add(&input, ctx->key, 5);
    answer->results[7] = (int64_t)add(&own, ctx->key, 5);
    return 0;
}
