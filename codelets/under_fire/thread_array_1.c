/* Version 1: counts in an array that each thread has a copy of. */
#include "jbpf_defs.h"

jbpf_per_thread_array_map(counts, uint64_t, 8);


#define VERSION first
#include "count.h"
