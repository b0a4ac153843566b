/* Types that codelets share with the application's reports. */
#ifndef JBPF_COMMON_TYPES_H
#define JBPF_COMMON_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a hook's name, terminator included. */
#ifndef JBPF_HOOK_NAME_LEN
#define JBPF_HOOK_NAME_LEN 256U
#endif

/* A hook's name, filled up with zeros. */
typedef char jbpf_hook_name_t[JBPF_HOOK_NAME_LEN];

/* Bytes of a channel's name, terminator included. */
#ifndef JBPF_IO_CHANNEL_NAME_LEN
#define JBPF_IO_CHANNEL_NAME_LEN 256U
#endif

/* A channel's name, filled up with zeros. */
typedef char jbpf_io_channel_name_t[JBPF_IO_CHANNEL_NAME_LEN];

/* The priority of a codelet whose load request states none. */
#ifndef JBPF_CODELET_PRIORITY_DEFAULT
#define JBPF_CODELET_PRIORITY_DEFAULT 1U
#endif

/* A codelet's priority; the higher runs first. */
typedef uint32_t jbpf_codelet_priority_t;

/* The load request's runtime_threshold, in ns; 0: none. */
typedef uint64_t jbpf_runtime_threshold_t;

#endif
