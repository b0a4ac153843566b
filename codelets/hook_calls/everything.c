/* Uses every kind of map, and every helper, in each call. */
#include "jbpf_defs.h"
#include "jbpf_helper.h"

struct cell {
    uint64_t key;
    uint64_t calls;
    uint64_t busy;
    uint64_t wrong;
};

struct block {
    uint64_t words[512];
};

struct record {
    uint64_t key;
    uint64_t words[7];
};

/* Of the application. */
JBPF_HELPER_FUNCTION uint64_t (*digest)(const void *bytes, uint64_t size) = (void *)40;
JBPF_HELPER_FUNCTION uint64_t (*digest_in_place)(const void *bytes, uint64_t size) = (void *)41;
JBPF_HELPER_FUNCTION uint64_t (*exchange)(const struct record *from, struct record *to) = (void *)42;
JBPF_HELPER_FUNCTION int (*count_in)(void *map, uint32_t key, uint64_t by) = (void *)43;
JBPF_HELPER_FUNCTION uint64_t (*fire_another)(uint64_t number) = (void *)44;

jbpf_array_map(array, uint64_t, 1024);
jbpf_array_map(blocks, struct block, 2);
jbpf_hash_map(hash, uint64_t, uint64_t, 1024);
jbpf_hash_map(few, uint64_t, uint64_t, 8);
jbpf_per_thread_array_map(own_array, uint64_t, 65536);
jbpf_per_thread_hash_map(own_hash, uint64_t, uint64_t, 16384);
jbpf_ringbuf_map(records, struct record, 32768);
jbpf_output_map(outputs, struct record, 32768);
jbpf_control_input_map(commands, struct record, 1024);

struct jbpf_load_map_def SEC("maps") theirs = {
    .type = 20,
    .key_size = sizeof(uint32_t),
    .value_size = sizeof(struct block),
    .max_entries = 1,
};

static const char printed[] = "%d of %d\n";

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    struct jbpf_generic_ctx *ctx = state;
    struct cell *cell = (struct cell *)ctx->data;
    if ((uint64_t)(cell + 1) > ctx->data_end)
        return 1;
    uint64_t key = cell->key, wide = key & 1023;
    uint32_t at = key & 1023, one = 1, zero = 0, own = (key * 64) & 65535;
    uint64_t start = jbpf_get_sys_time(true);
    jbpf_mark_runtime_init();

    uint64_t *counted = jbpf_map_lookup_elem(&array, &at);
    if (counted)
        __sync_fetch_and_add(counted, 1);
    struct block *from = jbpf_map_lookup_elem(&blocks, &zero);
    struct block *to = jbpf_map_lookup_elem(&blocks, &one);
    if (!from || !to)
        return 1;
    jbpf_map_update_elem(&blocks, &one, from, 0);

    if (jbpf_map_update_elem(&hash, &wide, &key, 0) == JBPF_MAP_BUSY)
        cell->busy += 1;
    jbpf_map_lookup_elem(&hash, &wide);
    jbpf_map_lookup_reset_elem(&hash, &wide);
    if (key & 1 && jbpf_map_delete_elem(&hash, &wide) == JBPF_MAP_BUSY)
        cell->busy += 1;
    uint64_t few_of[16];
    __builtin_memset(few_of, 0, sizeof(few_of));
    wide &= 7;
    if (jbpf_map_update_elem(&few, &wide, &key, 0) == JBPF_MAP_BUSY)
        cell->busy += 1;
    jbpf_map_dump(&few, few_of, sizeof(few_of), 0);
    if ((key & 63) == 0)
        jbpf_map_clear(&few);

    uint64_t *mine = jbpf_map_lookup_elem(&own_array, &own);
    if (mine)
        *mine += 1;
    else
        cell->wrong += 1;
    if (jbpf_map_update_elem(&own_hash, &key, &key, 0) == JBPF_MAP_ERROR)
        cell->wrong += 1;
    if ((key & 4095) == 4095)
        jbpf_map_clear(&own_hash);

    jbpf_map_update_elem(&theirs, &zero, from, 0);
    jbpf_map_lookup_elem(&theirs, &zero);

    struct record record = {.key = key};
    if (jbpf_ringbuf_output(&records, &record, sizeof(record)) == 0)
        cell->calls += 1;
    struct record *output = jbpf_get_output_buf(&outputs);
    if (output) {
        output->key = key;
        jbpf_send_output(&outputs);
    }
    struct record taken = {0};
    jbpf_control_input_receive(&commands, &taken, sizeof(taken));

    cell->calls += digest(from, 4096) + digest_in_place(from, sizeof(*from));
    exchange(&record, &taken);
    count_in(&array, at, 1);
    count_in(&hash, at, 1);
    fire_another(key);

    jbpf_printf(printed, sizeof(printed), 1, 2);
    cell->calls += jbpf_hash(from, 64) & 1;
    cell->calls += jbpf_rand() & 1;
    cell->calls += jbpf_time_get_ns() & 1;
    cell->calls += jbpf_get_sys_time_diff_ns(start, jbpf_get_sys_time(false)) & 1;
    jbpf_check_runtime_limit();
    return 0;
}
