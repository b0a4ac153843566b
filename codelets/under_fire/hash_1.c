/* Version 1: counts in a hash map that threads share. */
#include "jbpf_defs.h"

jbpf_hash_map(counts, uint32_t, uint64_t, 8);

#define SHARED
#define VERSION first
#include "count.h"
