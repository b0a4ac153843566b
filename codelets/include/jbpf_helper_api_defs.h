/* What map operations return. */
#ifndef JBPF_HELPER_API_DEFS_H
#define JBPF_HELPER_API_DEFS_H

/* It is done. */
#define JBPF_MAP_SUCCESS 0
/* No such key, or an index out of range. */
#define JBPF_MAP_ERROR -1
/* Not now, or not on this kind of map: the jbpf_map_try_* macros ask again. */
#define JBPF_MAP_BUSY -2
/* A new key, and no room for it. */
#define JBPF_MAP_FULL -4

#endif
