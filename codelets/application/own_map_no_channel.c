/* Takes the application's own map type for a channel. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

#include "hooks.h"

struct jbpf_load_map_def SEC("maps") last = {
    .type = 20,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(uint64_t),
    .max_entries = 4,
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t record = 1;
    return jbpf_ringbuf_output(&last, &record, sizeof(record)); // here
}
