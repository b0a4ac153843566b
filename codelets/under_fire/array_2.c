/* Version 2 of array_1, with the same map. */
#include "jbpf_defs.h"

jbpf_array_map(counts, uint64_t, 8);

#define SHARED
#define VERSION second
#include "count.h"
