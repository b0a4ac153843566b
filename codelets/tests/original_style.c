// Written the way codelets for the original are: standard headers, maps defined by hand, pointers compared.
// expect: accept
// run: region=0600000000000000696e7374616e6365203600000000000000000000000000000000000000000000 => r0=0 out:outmap=06000000fafffffff6ffffff
// run: region=0600000000000000696e7374616e6365203600000000000000000000000000000000000000000000 in:inmap=05000000 => r0=0 out:outmap=06000000fafffffff6ffffff print=" Called 2 times so far and received response for seq_no 5"
// run: region=0600 => r0=1
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "jbpf_common_types.h"
#include "jbpf_defs.h"
#include "jbpf_helper.h"
#include "jbpf_helper_api_defs.h"

typedef struct {
    int seq_no;
    int value;
    char name[32];
} Packet;

typedef struct {
    int seq_no;
    int value;
    int difference;
} Echo;

typedef struct {
    int seq_no;
} PacketResp;

jbpf_ringbuf_map(outmap, Echo, 256)
jbpf_control_input_map(inmap, PacketResp, 256)

struct jbpf_load_map_def SEC("maps") counter = {
    .type = JBPF_MAP_TYPE_ARRAY,
    .key_size = sizeof(int),
    .value_size = sizeof(int),
    .max_entries = 1,
};

SEC("jbpf_generic")
uint64_t
jbpf_main(void* state)
{
    void* c;
    int cnt;
    struct jbpf_generic_ctx* ctx;
    Packet *p, *p_end;
    Echo echo;
    PacketResp resp = {0};
    uint64_t index = 0;

    ctx = state;
    c = jbpf_map_lookup_elem(&counter, &index);
    if (!c)
        return 1;
    cnt = *(int*)c;
    cnt++;
    *(int*)c = cnt;

    p = (Packet*)(void*)ctx->data;
    p_end = (Packet*)(void*)ctx->data_end;
    if (p + 1 > p_end)
        return 1;

    memset(&echo, 0, sizeof(echo));
    echo.seq_no = p->seq_no;
    echo.value = -p->seq_no;
    echo.difference = echo.value - 4;
    if (jbpf_ringbuf_output(&outmap, &echo, sizeof(echo)) < 0)
        return 1;
    if (jbpf_control_input_receive(&inmap, &resp, sizeof(resp)) > 0) {
        jbpf_printf_debug(
            " Called %d times so far and received response for seq_no %d\n\n", cnt, resp.seq_no);
    }
    return 0;
}
