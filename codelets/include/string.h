/*
 * Memory and strings, for codelets.
 *
 * There is no libc to call: memcpy, memmove and memset must be inlined by the compiler, which takes a
 * size that is a constant of some hundred bytes at most. For sizes that are only known at run time write a loop
 * with a constant bound.
 *
 * A libc's own header is used instead if a whole one is in reach.
 */
#if defined(__cplusplus) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* as compilers of C++ for Linux define it: libstdc++ needs it of glibc */
#endif
#if defined(__has_include_next)
#if __has_include_next(<string.h>) && (__has_include(<bits/libc-header-start.h>) || __has_include(<bits/alltypes.h>))
#include_next <string.h>
#define JBPF_STRING_H
#endif
#endif

#ifndef JBPF_STRING_H
#define JBPF_STRING_H

#include <stddef.h>

#define memcpy(to, from, size) __builtin_memcpy((to), (from), (size))
#define memmove(to, from, size) __builtin_memmove((to), (from), (size))
#define memset(to, byte, size) __builtin_memset((to), (byte), (size))
#define memcmp(a, b, size) jbpf_memcmp((a), (b), (size))

/* Compares `size` bytes: 0 when equal, else the difference of the first two that differ. Compilers do not
 * inline their own memcmp reliably. */
static inline __attribute__((always_inline, unused)) int
jbpf_memcmp(const void *a, const void *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int difference = ((const unsigned char *)a)[i] - ((const unsigned char *)b)[i];
        if (difference != 0)
            return difference;
    }
    return 0;
}

/* Length of a text in an array of `size` bytes; `size` when it has no terminator. */
static inline __attribute__((always_inline, unused)) size_t
strnlen(const char *text, size_t size)
{
    size_t length = 0;
    while (length < size && text[length] != 0)
        length++;
    return length;
}

/* Compares at most `size` bytes of two texts: 0 when equal, else the difference of the first two
 * bytes that differ. */
static inline __attribute__((always_inline, unused)) int
strncmp(const char *a, const char *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int difference = (unsigned char)a[i] - (unsigned char)b[i];
        if (difference != 0 || a[i] == 0)
            return difference;
    }
    return 0;
}

#endif
