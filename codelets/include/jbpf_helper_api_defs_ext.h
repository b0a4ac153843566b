/* The first numbers that an application may use for program types, map types and helpers of its own. */
#ifndef JBPF_HELPER_API_DEFS_EXT_H
#define JBPF_HELPER_API_DEFS_EXT_H

/* Helper ids from here on, below MAX_HELPER_FUNC, belong to the application. */
#define CUSTOM_HELPER_START_ID 32
#define MAX_HELPER_FUNC 64

/* Map types from here on belong to the application. */
#define CUSTOM_MAP_START_ID 16

/* Program types from here on belong to the application. */
#define CUSTOM_PROGRAM_START_ID 8

#endif
