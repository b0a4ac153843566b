/* What the hook of the stress test passes: one cell a call, written by every codelet that runs. */
#pragma once
#include "jbpf_defs.h"

struct cell {
    uint64_t steady;  /* times that the codelet ran which stays loaded */
    uint64_t passing; /* times that the codelet ran which comes and goes */
    uint64_t version; /* which version of it ran */
};
