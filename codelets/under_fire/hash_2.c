/* Version 2 of hash_1, with the same map. */
#include "jbpf_defs.h"

jbpf_hash_map(counts, uint32_t, uint64_t, 8);

#define SHARED
#define VERSION second
#include "count.h"
