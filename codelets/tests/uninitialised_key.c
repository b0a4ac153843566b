// Looks up a key that was never written.
// expect: reject E0015|E0034
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_hash_map(table, uint64_t, uint64_t, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    volatile uint64_t key;
    return jbpf_map_lookup_elem(&table, (void *)&key) != 0; // here
}
