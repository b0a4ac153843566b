/* Written by jbpf::codelet_header(); do not edit. */
#ifndef JBPF_HOOKS_H
#define JBPF_HOOKS_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

/* A request, as far as codelets see it. */
typedef struct Request {
    uint32_t user;
    uint32_t bytes;
} Request;
_Static_assert(sizeof(Request) == 8, "size of Request");
_Static_assert(offsetof(Request, user) == 0, "offset of Request.user");
_Static_assert(offsetof(Request, bytes) == 4, "offset of Request.bytes");

/*
 * What the codelets of hook admit are given.
 * Whether a request is served: 1, or 0.
 */
struct admit_ctx {
    uint64_t data; /* Request, read-only */
    uint64_t data_end;
    uint64_t meta_data;
};
_Static_assert(sizeof(struct admit_ctx) == 24, "size of struct admit_ctx");

/* The requests a second that a user pays for; 0: the account is closed. */
__attribute__((unused)) static uint64_t (*plan_of)(uint32_t user) = (void *)32;

/* A request was refused. */
__attribute__((unused)) static void (*note_refusal)(const Request *request) = (void *)33;

/* Takes a user's bucket out of the map; 0, or -1 when there is none. */
__attribute__((unused)) static int32_t (*close_account)(void *buckets, uint32_t user) = (void *)34;

/*
 * A user's account. A token is 10^9 parts, so that a plan of N requests a second earns N parts a
 * nanosecond.
 */
typedef struct Bucket {
    uint64_t parts;
    uint64_t refilled_ns;
    uint64_t admitted;
    uint64_t refused;
} Bucket;
_Static_assert(sizeof(Bucket) == 32, "size of Bucket");
_Static_assert(offsetof(Bucket, parts) == 0, "offset of Bucket.parts");
_Static_assert(offsetof(Bucket, refilled_ns) == 8, "offset of Bucket.refilled_ns");
_Static_assert(offsetof(Bucket, admitted) == 16, "offset of Bucket.admitted");
_Static_assert(offsetof(Bucket, refused) == 24, "offset of Bucket.refused");

#endif
