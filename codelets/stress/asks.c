/* Asks the application for something, on whatever hook it is attached to. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

/* A helper of the application. */
static uint64_t (*ask)(void) = (void *)40;

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    return ask();
}
