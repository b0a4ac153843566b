/* Version 2 of thread_array_1, with the same map. */
#include "jbpf_defs.h"

jbpf_per_thread_array_map(counts, uint64_t, 8);


#define VERSION second
#include "count.h"
