// Changes the region: lowers a hop count and mends the checksum.
// expect: accept
// run: region=4500001400000000401100000a0000010a000002 => r0=63 region=45000014000000003f1100010a0000010a000002
// run: region=4500001400000000001100000a0000010a000002 => r0=0
#include "jbpf_defs.h"

struct ipv4 {
    uint8_t version_ihl, tos;
    uint16_t length, id, fragment;
    uint8_t ttl, protocol;
    uint16_t checksum;
    uint32_t from, to;
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct ipv4 *ip = (void *)ctx->data;
    if ((uint64_t)(ip + 1) > ctx->data_end)
        return -1;
    if (ip->ttl == 0)
        return 0;
    ip->ttl--;
    ip->checksum = __builtin_bswap16(__builtin_bswap16(ip->checksum) + 1);
    return ip->ttl;
}
