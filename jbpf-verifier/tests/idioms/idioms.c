/* Plain C for the verifier's rules. compile.sh compiles each idiom with several compilers, as it is
 * and with UNSAFE defined. The first is to be accepted, and the second, the nearest program that is
 * wrong, is to be rejected. programs.txt holds the results. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
struct context {
    u64 data, data_end, meta;
    u32 id;
};
struct pair {
    u32 a;
    u16 b, c;
};
struct triple {
    u32 a, b, c;
};
#ifdef UNSAFE
#define OR(safe, unsafe) unsafe
#else
#define OR(safe, unsafe) safe
#endif
__attribute__((section("jbpf_generic"), used)) u64 jbpf_main(void *state)
{
    struct context *context = state;
    u8 *p = (u8 *)context->data, *end = (u8 *)context->data_end;
    u64 sum = 0;
    int n = 0;
    u32 id = context->id;
    u64 length = context->data_end - context->data;

    /* Pointers that are the end, or not. */
#if defined(end_equal)
    if (p == end) return 0;
    return p[OR(0, 1)];
#elif defined(end_loop)
    for (; p != end; p += OR(1, 2)) {
        sum += *p;
        if (++n == 64) break;
    }
    return sum;
#elif defined(end_loop_breaks)
    for (;;) {
        if (p == end) break;
        sum += p[OR(0, 1)];
        p++;
        if (++n == 32) break;
    }
    return sum;
#elif defined(end_behind_header)
    u8 *q = p + 4;
    if (q > end) return 0;
    if (q == end) return 1;
    return q[OR(0, 1)];
#elif defined(end_search)
    for (; p != end && n < 100; p++, n++)
        if (p[OR(0, -1)] == 0) return n;
    return 200;
#elif defined(end_two_ways)
    for (; p != end; p++) {
        if (*p < 0x20) sum++;
        if (*p > 0x7e) sum += 3;
        if (OR(*p, p[1]) == 7) sum += 5;
        if (++n == 100) break;
    }
    return sum;
#elif defined(end_twice)
    if (p == end) return 0;
    sum = *p++;
    if (OR(p, p - 1) == end) return sum;
    return sum << 8 | *p;
#elif defined(end_escape)
    for (; p != end && n < 40; p++, n++) {
        if (*p == 27) {
            p++;
            if (OR(p == end, p > end)) break;
            sum += *p;
        }
    }
    return sum;
#elif defined(end_index_loop)
    for (u64 i = 0; i < length && i < 64; i++) sum += p[OR(i, i + 1)];
    return sum;
#elif defined(end_length_zero)
    if (!length) return 0;
    return p[OR(0, 1)];

    /* Indexes below a length. */
#elif defined(index_below_length)
    u64 i = id;
    if (OR(i >= length, i > length)) return 0;
    return p[i];
#elif defined(index_below_compared)
    if (p + 4 > end) return 0;
    u16 count = *(u16 *)p, i = id;
    if (p + 4 + count > end) return 0;
    if (i >= count) return 0;
    return p[OR(4, 5) + i];
#elif defined(index_of_pair)
    struct pair *pairs = (void *)p;
    u64 count = (end - p) / sizeof(*pairs), i = id;
    if (OR(i >= count, i > count)) return 0;
    return pairs[i].a + pairs[i].b;
#elif defined(index_of_triple)
    struct triple *triples = (void *)p;
    u64 count = length / sizeof(*triples), i = id;
    if (i >= count) return 0;
    return triples[OR(i, i + 1)].c;
#elif defined(index_of_shifted)
    u64 count = length >> OR(3, 2), i = id;
    if (i >= count) return 0;
    return ((u64 *)p)[i];
#elif defined(pairs_in_turn)
    struct pair *pairs = (void *)p;
    u64 count = (end - p) / sizeof(*pairs);
    if (count > 16) count = 16;
    for (u64 i = 0; i < count; i++) sum += pairs[OR(i, i + 1)].a + pairs[i].b;
    return sum;
#elif defined(words_of_masked)
    u64 whole = length & OR(~7ul, ~3ul);
    for (u64 i = 0; i < whole && i < 64; i += 8) sum += *(u64 *)(p + i);
    return sum;
#elif defined(rest_of_length)
    u64 taken = id;
    if (OR(taken > length, taken > length + 1)) return 0;
    u64 rest = length - taken;
    if (rest < 4) return 0;
    return *(u32 *)(p + taken);
#elif defined(body_behind_header)
    if (p + 1 > end) return 0;
    u8 header = p[0], i = id;
    p += header;
    if (p > end) return 0;
    u64 body = end - p;
    if (i >= body) return 0;
    return p[OR(i, i + 1)];
#elif defined(last_of_length)
    if (length < OR(4, 3)) return 0;
    return *(u32 *)(p + length - 4);
#elif defined(index_of_minimum)
    for (u32 i = 0; i < 64 && i < length; i++) sum += p[OR(i, i + 1)];
    return sum;

    /* The bytes before a length that was compared. */
#elif defined(before_byte)
    if (p + 1 > end) return 0;
    u8 l = p[0];
    if (OR(l < 2, l > 100)) return 0;
    if (p + l > end) return 0;
    return p[l - 1];
#elif defined(before_half)
    u16 l = id;
    if (!l) return 0;
    if (p + l > end) return 0;
    return p[OR(l - 1, l)];
#elif defined(before_word)
    u32 l = id;
    if (!l || l > 1000) return 0;
    if (p + l > end) return 0;
    return p[OR(l - 1, l)];
#elif defined(before_in_turn)
    for (int i = 0; i < 16; i++) {
        if (p + 2 > end) break;
        u8 l = p[1];
        if (l < OR(2, 0)) break;
        if (p + l > end) break;
        sum += p[l - 1];
        p += l;
    }
    return sum;
#elif defined(before_trailer)
    if (p + 2 > end) return 0;
    u8 l = p[0];
    if (p + 2 + l > end) return 0;
    return p[OR(1, 2) + l];
#elif defined(before_last_word)
    u16 l = id;
    if (l < OR(4, 3)) return 0;
    if (p + l > end) return 0;
    return *(u32 *)(p + l - 4);
#elif defined(before_signed)
    if (p + 1 > end) return 0;
    int l = p[0];
    if (l <= OR(0, -1)) return 0;
    if (p + l > end) return 0;
    return p[l - 1];
#elif defined(before_backwards)
    u8 l = id & 31;
    if (p + l > end) return 0;
    for (u32 i = l; i > 0; i--) sum += p[OR(i - 1, i)];
    return sum;

    /* Distances of 32 bits. */
#elif defined(distance_narrow)
    u32 left = end - p;
    if (left < OR(8, 7)) return 0;
    return *(u64 *)p;
#elif defined(distance_of_halves)
    u32 left = (u32)(u64)end - (u32)(u64)p;
    if (left < 4) return 0;
    return *(u32 *)OR(p, (p + 1));
#elif defined(distance_computed)
    if (p + OR(4, 3) > end) return 0;
    u32 left = (u32)(end - p) * 3 + id;
    return left + p[3];
#elif defined(distance_stored)
    volatile u32 left = end - p;
    if (p + OR(4, 3) > end) return 0;
    return left + p[3];
#elif defined(distance_in_struct)
    struct {
        u32 left, id;
        u64 sum;
    } volatile s = {end - p, id, 1};
    if (p + OR(4, 3) > end) return s.sum;
    return s.left + p[3] + s.id;
#elif defined(distance_signed)
    int left = (int)(end - p);
    if (left < OR(4, 3)) return 0;
    return *(u32 *)p;
#elif defined(distance_index)
    u32 left = end - p;
    if (id >= left) return 0;
    return p[OR(id, id + 1)];
#elif defined(distance_both)
    u32 left = end - p;
    if (p + 8 > end) return left;
    p[OR(0, 8)] = 1;
    return left + p[1];
#elif defined(distance_counted)
    u32 left = end - p;
    for (u32 i = 0; i < left && i < 32; i++) sum += p[OR(i, i + 1)];
    return sum;
#endif
}
