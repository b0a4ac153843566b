// Parses Ethernet, an optional VLAN tag, IPv4 with options, and UDP: the destination port.
// expect: accept
// run: region=ffffffffffff0011223344550800450000200000000040110000c0a80001c0a800021f90003500080000 => r0=53
// run: region=ffffffffffff001122334455810000640800450000200000000040110000c0a80001c0a800021f90003500080000 => r0=53
// run: region=ffffffffffff0011223344550800460000240000000040110000c0a80001c0a80002010101011f90003500080000 => r0=53
// run: region=ffffffffffff0011223344550800450000200000000040060000c0a80001c0a800021f90003500080000 => r0=0
// run: region=ffffffffffff => r0=0
#include "jbpf_defs.h"

struct ethernet {
    uint8_t to[6], from[6];
    uint16_t type;
} __attribute__((packed));

struct vlan {
    uint16_t tag, type;
} __attribute__((packed));

struct ipv4 {
    uint8_t version_ihl, tos;
    uint16_t length, id, fragment;
    uint8_t ttl, protocol;
    uint16_t checksum;
    uint32_t from, to;
} __attribute__((packed));

struct udp {
    uint16_t from, to, length, checksum;
} __attribute__((packed));

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    uint8_t *at = (void *)ctx->data;
    uint8_t *end = (void *)ctx->data_end;

    struct ethernet *ethernet = (void *)at;
    at += sizeof(*ethernet);
    if (at > end)
        return 0;
    uint16_t type = __builtin_bswap16(ethernet->type);
    if (type == 0x8100) {
        struct vlan *vlan = (void *)at;
        at += sizeof(*vlan);
        if (at > end)
            return 0;
        type = __builtin_bswap16(vlan->type);
    }
    if (type != 0x0800)
        return 0;

    struct ipv4 *ipv4 = (void *)at;
    if (at + sizeof(*ipv4) > end)
        return 0;
    uint32_t header = (ipv4->version_ihl & 15) * 4;
    if (header < sizeof(*ipv4) || ipv4->protocol != 17)
        return 0;

    at += header;
    struct udp *udp = (void *)at;
    if (at + sizeof(*udp) > end)
        return 0;
    return __builtin_bswap16(udp->to);
}
