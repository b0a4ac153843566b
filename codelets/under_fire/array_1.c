/* Version 1: counts in an array that threads share. */
#include "jbpf_defs.h"

jbpf_array_map(counts, uint64_t, 8);

#define SHARED
#define VERSION first
#include "count.h"
