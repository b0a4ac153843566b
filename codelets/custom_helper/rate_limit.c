/* Limits each user to the requests a second of their plan, which the application knows. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

#define TOKEN 1000000000ULL
#define REFUSED 0
#define ADMITTED 1

jbpf_hash_map(buckets, uint32_t, Bucket, 64);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct admit_ctx *ctx = state;
    Request *request = (Request *)ctx->data;

    uint32_t user = request->user;
    uint64_t rate = plan_of(user);
    if (rate == 0) {
        close_account(&buckets, user);
        return REFUSED;
    }
    uint64_t now = jbpf_time_get_ns();
    Bucket *bucket = jbpf_map_lookup_elem(&buckets, &user);
    if (!bucket) {
        Bucket full = {.parts = rate * TOKEN, .refilled_ns = now};
        jbpf_map_update_elem(&buckets, &user, &full, 0);
        bucket = jbpf_map_lookup_elem(&buckets, &user);
        if (!bucket)
            return ADMITTED; /* more users than the map has room for */
    }

    bucket->parts += (now - bucket->refilled_ns) * rate;
    if (bucket->parts > rate * TOKEN)
        bucket->parts = rate * TOKEN;
    bucket->refilled_ns = now;
    if (bucket->parts < TOKEN) {
        bucket->refused += 1;
        note_refusal(request);
        return REFUSED;
    }
    bucket->parts -= TOKEN;
    bucket->admitted += 1;
    return ADMITTED;
}
