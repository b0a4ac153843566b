/* Hands more bytes to a helper than it has room for, and as many as it has to the one before. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

struct block {
    uint8_t bytes[8192];
};
jbpf_array_map(blocks, struct block, 1);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t first = 0;
    struct block *block = jbpf_map_lookup_elem(&blocks, &first);
    if (!block)
        return 1;
    checksum(block, 4096);
    checksum_in_place(block, 8192);
    return checksum(block, 4097); // here
}
