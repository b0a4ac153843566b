/* Written by jbpf::codelet_header(); do not edit. */
#ifndef JBPF_HOOKS_H
#define JBPF_HOOKS_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

/* A request that was served. */
typedef struct Request {
    uint64_t id;
    uint32_t latency_us;
    uint16_t status;
    uint16_t attempts;
} Request;
_Static_assert(sizeof(Request) == 16, "size of Request");
_Static_assert(offsetof(Request, id) == 0, "offset of Request.id");
_Static_assert(offsetof(Request, latency_us) == 8, "offset of Request.latency_us");
_Static_assert(offsetof(Request, status) == 12, "offset of Request.status");
_Static_assert(offsetof(Request, attempts) == 14, "offset of Request.attempts");

/*
 * What the codelets of hook request_served are given.
 * Called when a request has been served.
 */
struct request_served_ctx {
    uint64_t data; /* Request, read-only */
    uint64_t data_end;
    uint64_t meta_data;
};
_Static_assert(sizeof(struct request_served_ctx) == 24, "size of struct request_served_ctx");

#endif
