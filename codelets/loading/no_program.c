/* A map, and nothing that uses it. */
#include "jbpf_defs.h"

jbpf_array_map(counts, uint64_t, 8);
