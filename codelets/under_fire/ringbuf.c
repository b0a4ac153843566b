/* Sends a copy of a record. */
#include "cell.h"

struct record {
    uint64_t key;
    uint64_t version;
    uint64_t again;
};

jbpf_ringbuf_map(records, struct record, 1024);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct cell *cell = (struct cell *)ctx->data;
    struct record record = {.key = cell->key, .version = 1, .again = cell->key};
    if (jbpf_ringbuf_output(&records, &record, sizeof(record)) == 0)
        cell->first += 1;
    else
        cell->failed += 1;
    return 0;
}
