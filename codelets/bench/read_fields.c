/* hook/read_fields: four fields of the region. */
#include "bench.h"

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    REGION(struct Fields, fields);
    return fields->a + fields->b + fields->c + fields->d;
}
