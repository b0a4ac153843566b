/* Counts calls by key. A key that the map does not have, or not yet, counts as a failure: the application puts them there. */
#include "cell.h"

#ifdef SHARED
#define ADD_ONE(count) __sync_fetch_and_add(count, 1)
#else
#define ADD_ONE(count) (*(count) += 1)
#endif

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct cell *cell = (struct cell *)ctx->data;
    uint32_t key = cell->key;
    cell->VERSION += 1;
    uint64_t *count = jbpf_map_lookup_elem(&counts, &key);
    if (!count) {
        cell->failed += 1;
        return 0;
    }
    ADD_ONE(count);
    return 0;
}
