/* Version 2 of output_1, with the same channel. */
#include "cell.h"

struct record {
    uint64_t key;
    uint64_t version;
    uint64_t again; /* the key */
};

jbpf_output_map(records, struct record, 1024);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct cell *cell = (struct cell *)ctx->data;
    struct record *record = jbpf_get_output_buf(&records);
    if (!record) {
        cell->failed += 1;
        return 0;
    }
    record->key = cell->key;
    record->version = 2;
    record->again = cell->key;
    if (jbpf_send_output(&records) == 0)
        cell->second += 1;
    else
        cell->failed += 1;
    return 0;
}
