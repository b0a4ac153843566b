/* Types that codelets share with the application's reports. */
#ifndef JBPF_COMMON_TYPES_H
#define JBPF_COMMON_TYPES_H

#include "stdbool.h"
#include "stddef.h"
#include "stdint.h"

/* Bytes of a hook's name, terminator included. */
#ifndef JBPF_HOOK_NAME_LEN
#define JBPF_HOOK_NAME_LEN 256
#endif

/* A hook's name, filled up with zeros. */
typedef char jbpf_hook_name_t[JBPF_HOOK_NAME_LEN];

#endif
