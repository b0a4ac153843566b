/* What one call hands over, and what its codelet says of it. */
#ifndef CELL_H
#define CELL_H

#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct cell {
    uint64_t key;
    uint64_t first;  /* runs of version 1; records sent or taken */
    uint64_t second; /* runs of version 2; the number in a record taken */
    uint64_t failed;
};

#endif
