/* Puts the caller's own key into a hash map that all share, finds it, and takes it out. If a thread that does not
 * run has the bucket, it stays in or out; `second` counts these. */
#include "cell.h"

jbpf_hash_map(table, uint64_t, uint64_t, 64);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct cell *cell = (struct cell *)ctx->data;
    uint64_t key = cell->key;
    uint64_t value = key * 31;
    int64_t updated = jbpf_map_update_elem(&table, &key, &value, 0);
    cell->first += 1;
    if (updated == JBPF_MAP_BUSY) {
        cell->second += 1;
        return 0;
    }
    if (updated != 0) {
        cell->failed += 1;
        return 0;
    }
    uint64_t *found = jbpf_map_lookup_elem(&table, &key);
    if (!found || *found != key * 31)
        cell->failed += 1;
    int64_t deleted = jbpf_map_delete_elem(&table, &key);
    if (deleted == JBPF_MAP_BUSY) {
        cell->second += 1;
        return 0;
    }
    if (deleted != 0)
        cell->failed += 1;
    if (jbpf_map_lookup_elem(&table, &key))
        cell->failed += 1;
    return 0;
}
