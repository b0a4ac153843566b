// Changes one byte of a pointer that lies on the stack, and uses it.
// expect: reject E0030|E0026
#include "jbpf_defs.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    volatile union {
        struct jbpf_generic_ctx *pointer;
        uint8_t byte[8];
    } slot;
    slot.pointer = state;
    slot.byte[0] = 1;
    return slot.pointer->ctx_id; // here
}
