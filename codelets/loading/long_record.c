/* A channel whose records are longer than any may be. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct jbpf_load_map_def SEC("maps") records = {
    .type = JBPF_MAP_TYPE_RINGBUF,
    .value_size = (1 << 20) + 1,
    .max_entries = 2,
};

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint64_t record = 1;
    return jbpf_ringbuf_output(&records, &record, sizeof(record));
}
