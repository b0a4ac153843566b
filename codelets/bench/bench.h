/* What the hooks of benches/hot_path.rs pass. */
#pragma once
#include "jbpf_helper.h"

struct Count {
    uint64_t value;
};

struct Fields {
    uint32_t a;
    uint16_t b;
    uint16_t c;
    uint64_t d;
};

struct Keyed {
    uint64_t key;
    uint64_t result;
};

#define REGION(type, name)                                   \
    type *name = (type *)((struct jbpf_generic_ctx *)state)->data
