/* Limits of integers, for codelets. A libc's own header is used instead if a whole one is in reach. */
#if defined(__cplusplus) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* as compilers of C++ for Linux define it: libstdc++ needs it of glibc */
#endif
#if defined(__has_include_next)
#if __has_include_next(<limits.h>) && (__has_include(<bits/libc-header-start.h>) || __has_include(<bits/alltypes.h>))
#include_next <limits.h>
#define JBPF_LIMITS_H
#endif
#endif

#ifndef JBPF_LIMITS_H
#define JBPF_LIMITS_H

#define CHAR_BIT 8
#define SCHAR_MAX 127
#define SCHAR_MIN (-SCHAR_MAX - 1)
#define UCHAR_MAX 255
#define CHAR_MAX SCHAR_MAX
#define CHAR_MIN SCHAR_MIN
#define SHRT_MAX 32767
#define SHRT_MIN (-SHRT_MAX - 1)
#define USHRT_MAX 65535
#define INT_MAX __INT_MAX__
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX (INT_MAX * 2U + 1U)
#define LONG_MAX __LONG_MAX__
#define LONG_MIN (-LONG_MAX - 1L)
#define ULONG_MAX (LONG_MAX * 2UL + 1UL)
#define LLONG_MAX __LONG_LONG_MAX__
#define LLONG_MIN (-LLONG_MAX - 1LL)
#define ULLONG_MAX (LLONG_MAX * 2ULL + 1ULL)

#endif
