/* What one call is asked to do, and what came of it. `Call` in tests/helper_table.rs has the same. */
#ifndef CALL_H
#define CALL_H

#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct call {
    uint64_t helper; /* its number */
    uint64_t size;   /* of the memory that it is given, at most that of `memory` */
    uint32_t key;
    uint32_t found; /* whether a pointer came back */
    uint64_t value; /* given, and found */
    int64_t result;
    uint64_t memory[8];
};

#endif
