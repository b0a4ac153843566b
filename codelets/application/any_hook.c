/* A program of no type in particular: attaches to any hook. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    return 0;
}
