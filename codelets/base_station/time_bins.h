/* Histograms of times, for the codelets in C++. */
#ifndef TIME_BINS_H
#define TIME_BINS_H

#include <stdint.h>

/* The integer part of the logarithm to base 2, and 0 for 0. */
static inline uint32_t log2_of(uint64_t value)
{
    uint32_t result = 0;
    for (uint32_t step = 32; step > 0; step /= 2) {
        if (value >> step) {
            value >>= step;
            result += step;
        }
    }
    return result;
}

/* Counts a time in the bin of its magnitude, or in the last bin. */
template <uint32_t BINS> void count_time(uint64_t (&bins)[BINS], uint64_t ns)
{
    uint32_t bin = log2_of(ns);
    bins[bin < BINS ? bin : BINS - 1] += 1;
}

#endif
