// An atomic addition that crosses a word's boundary.
// expect: reject E0038
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct packed {
    uint8_t kind;
    uint64_t count;
} __attribute__((packed));

jbpf_array_map(counter, struct packed, 1)

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t index = 0;
    struct packed *packed = jbpf_map_lookup_elem(&counter, &index);
    if (!packed)
        return 0;
    __sync_fetch_and_add((uint64_t *)((uint8_t *)packed + 1), 1); // here
    return 0;
}
