/* Everything that a codelet does with a map that holds values, on a map type of the application's own. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

struct jbpf_load_map_def SEC("maps") last = {
    .type = 20,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 4,
    .map_flags = 1, /* keys may be deleted */
};
jbpf_map_key_type(last, uint32_t)
jbpf_map_value_type(last, uint64_t)

struct element {
    uint32_t key;
    uint64_t value;
} __attribute__((packed));

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct ask_ctx *ctx = state;
    Answer *answer = (Answer *)ctx->data;
    uint32_t key = ctx->key;
    uint64_t value = 50;

    uint64_t *found = jbpf_map_lookup_elem(&last, &key);
    answer->results[0] = found ? *found : 404;
    answer->results[1] = (int64_t)jbpf_map_update_elem(&last, &key, &value, 0);
    found = jbpf_map_lookup_elem(&last, &key);
    if (found)
        *found += 1;
    found = jbpf_map_lookup_elem(&last, &key);
    answer->results[2] = found ? *found : 404;

    struct element elements[4];
    answer->results[3] = (int64_t)jbpf_map_dump(&last, elements, sizeof(elements), 0);
    answer->results[4] = elements[0].key * 1000 + elements[0].value;

    found = jbpf_map_lookup_reset_elem(&last, &key);
    answer->results[5] = found ? *found : 404;
    answer->results[6] = (int64_t)jbpf_map_delete_elem(&last, &key);
    answer->results[7] = (int64_t)jbpf_map_clear(&last);

    /* What the application finds. */
    value = 77;
    jbpf_map_update_elem(&last, &key, &value, 0);
    return 0;
}
