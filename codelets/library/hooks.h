/* Written by jbpf::codelet_header(); do not edit. */
#ifndef JBPF_HOOKS_H
#define JBPF_HOOKS_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

/* A job in the queue. */
typedef struct Job {
    uint32_t owner;
    uint32_t urgency;
    uint64_t cost;
} Job;
_Static_assert(sizeof(Job) == 16, "size of Job");
_Static_assert(offsetof(Job, owner) == 0, "offset of Job.owner");
_Static_assert(offsetof(Job, urgency) == 4, "offset of Job.urgency");
_Static_assert(offsetof(Job, cost) == 8, "offset of Job.cost");

/*
 * What the codelets of hook hook_library.accepts are given.
 * Whether a job is queued at all: 0, it is not. Without a codelet, all jobs that cost something are.
 */
struct hook_library_accepts_ctx {
    uint64_t data; /* Job, read-only */
    uint64_t data_end;
    uint64_t meta_data;
};
_Static_assert(sizeof(struct hook_library_accepts_ctx) == 24, "size of struct hook_library_accepts_ctx");

/*
 * What the codelets of hook hook_library.job_queued are given.
 * Called for every job before it is queued.
 */
struct hook_library_job_queued_ctx {
    uint64_t data; /* Job, read-only */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t waiting;
    uint8_t _padding28[4];
};
_Static_assert(sizeof(struct hook_library_job_queued_ctx) == 32, "size of struct hook_library_job_queued_ctx");
_Static_assert(offsetof(struct hook_library_job_queued_ctx, waiting) == 24, "offset of struct hook_library_job_queued_ctx.waiting");

/*
 * What the codelets of hook hook_library.job_taken are given.
 * Called for every job that is taken out; codelets may change it.
 */
struct hook_library_job_taken_ctx {
    uint64_t data; /* Job, writable */
    uint64_t data_end;
    uint64_t meta_data;
    uint32_t left;
    uint8_t _padding28[4];
};
_Static_assert(sizeof(struct hook_library_job_taken_ctx) == 32, "size of struct hook_library_job_taken_ctx");
_Static_assert(offsetof(struct hook_library_job_taken_ctx, left) == 24, "offset of struct hook_library_job_taken_ctx.left");

/* The units of work that an owner may have queued. */
__attribute__((unused)) static uint64_t (*allowance)(uint32_t owner) = (void *)61;

typedef struct Count {
    uint64_t jobs;
    uint64_t cost;
    uint64_t most_waiting;
} Count;
_Static_assert(sizeof(Count) == 24, "size of Count");
_Static_assert(offsetof(Count, jobs) == 0, "offset of Count.jobs");
_Static_assert(offsetof(Count, cost) == 8, "offset of Count.cost");
_Static_assert(offsetof(Count, most_waiting) == 16, "offset of Count.most_waiting");

#endif
