// Repeats an update until it works, with no limit of attempts.
// expect: reject E0041|E0040
#include "jbpf_defs.h"
#include "jbpf_helper.h"

jbpf_hash_map(table, uint32_t, uint64_t, 8)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t key = 1;
    uint64_t value = 1;
    while (jbpf_map_update_elem(&table, &key, &value, 0) != 0)
        ;
    return 0;
}
