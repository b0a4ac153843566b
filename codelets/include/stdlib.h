/* The parts of <stdlib.h> that need no library, for codelets. A libc's own header is used instead if a whole one is in reach. */
#if defined(__cplusplus) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* as compilers of C++ for Linux define it: libstdc++ needs it of glibc */
#endif
#if defined(__has_include_next)
#if __has_include_next(<stdlib.h>) && (__has_include(<bits/libc-header-start.h>) || __has_include(<bits/alltypes.h>))
#include_next <stdlib.h>
#define JBPF_STDLIB_H
#endif
#endif

#ifndef JBPF_STDLIB_H
#define JBPF_STDLIB_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

static inline __attribute__((always_inline, unused)) int
abs(int number)
{
    return number < 0 ? -number : number;
}

static inline __attribute__((always_inline, unused)) long
labs(long number)
{
    return number < 0 ? -number : number;
}

#ifdef __cplusplus
}
#endif

#endif
