/* size_t, NULL and offsetof, for codelets. A libc's own header is used instead if a whole one is in reach. */
#if defined(__cplusplus) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* as compilers of C++ for Linux define it: libstdc++ needs it of glibc */
#endif
#if defined(__has_include_next)
#if __has_include_next(<stddef.h>) && (__has_include(<bits/libc-header-start.h>) || __has_include(<bits/alltypes.h>))
#include_next <stddef.h>
#define JBPF_STDDEF_H
#endif
#endif

#ifndef JBPF_STDDEF_H
#define JBPF_STDDEF_H

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;

#ifndef NULL
#ifdef __cplusplus
#define NULL __null
#else
#define NULL ((void *)0)
#endif
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

#endif
