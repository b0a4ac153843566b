/*
 * Fixed-point numbers, for codelets: eBPF has no floating point.
 *
 * A fixedpt holds FIXEDPT_WBITS whole bits (sign included) and FIXEDPT_FBITS fraction bits. With
 * the defaults, 32 and 24, that is -8,388,608 to 8,388,607.996 in steps of 1/256. Define
 * FIXEDPT_BITS as 64 for steps of 2^-40.
 *
 * Everything here is integer instructions that every version of eBPF has: divisions are of magnitudes,
 * because signed division exists only from version 4 on. Results that do not fit wrap in add, sub and mul, and
 * saturate in div, exp, tan and pow. The double and float functions work on the bits of IEEE 754.
 */
#ifndef JBPF_HELPER_UTILS_H
#define JBPF_HELPER_UTILS_H

#include <stddef.h>
#include <stdint.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#ifndef FIXEDPT_BITS
#define FIXEDPT_BITS 32
#endif

#ifndef FIXEDPT_WBITS
#define FIXEDPT_WBITS 24
#endif

#if FIXEDPT_BITS == 32
typedef int32_t fixedpt;
typedef int64_t fixedptd;
typedef uint32_t fixedptu;
typedef uint64_t fixedptud;
#elif FIXEDPT_BITS == 64
typedef int64_t fixedpt;
typedef __int128_t fixedptd;
typedef uint64_t fixedptu;
typedef __uint128_t fixedptud;
#else
#error "FIXEDPT_BITS is 32 or 64"
#endif

#if FIXEDPT_WBITS < 8 || FIXEDPT_WBITS > 32 || FIXEDPT_WBITS >= FIXEDPT_BITS
#error "FIXEDPT_WBITS is 8 to 32, and less than FIXEDPT_BITS"
#endif

#define FIXEDPT_FBITS (FIXEDPT_BITS - FIXEDPT_WBITS)
#define FIXEDPT_FMASK (((fixedpt)1 << FIXEDPT_FBITS) - 1)
#define FIXEDPT_MAX ((fixedpt)(((fixedptu)1 << (FIXEDPT_BITS - 1)) - 1))
#define FIXEDPT_MIN (-FIXEDPT_MAX - 1)

/* A tolerance for iterations, in steps. */
#define FIXEDPT_EPSILON ((fixedpt)100)

/* The nearest fixedpt to a floating-point constant; the compiler computes it. */
#define fixedpt_rconst(R) ((fixedpt)((R)*FIXEDPT_ONE + ((R) >= 0 ? 0.5 : -0.5)))
#define fixedpt_fromint(I) ((fixedpt)((fixedptu)(I) << FIXEDPT_FBITS))
/* Rounds down, also below zero. */
#define fixedpt_toint(F) ((F) >> FIXEDPT_FBITS)
#define fixedpt_add(A, B) ((fixedpt)((fixedptu)(A) + (fixedptu)(B)))
#define fixedpt_sub(A, B) ((fixedpt)((fixedptu)(A) - (fixedptu)(B)))
#define fixedpt_xmul(A, B) fixedpt_mul((A), (B))
#define fixedpt_xdiv(A, B) fixedpt_div((A), (B))
#define fixedpt_fracpart(A) ((fixedpt)(A)&FIXEDPT_FMASK)
#define fixedpt_abs(A) ((A) < 0 ? -(A) : (A))
/* For constants and host code: codelets have no floating point at run time. */
#define fixedpt_tofloat(T) ((float)((T) * ((float)(1) / (float)((fixedpt)1 << FIXEDPT_FBITS))))

#define FIXEDPT_ZERO ((fixedpt)0)
#define FIXEDPT_ONE ((fixedpt)((fixedpt)1 << FIXEDPT_FBITS))
#define FIXEDPT_ONE_HALF (FIXEDPT_ONE >> 1)
#define FIXEDPT_TWO (FIXEDPT_ONE + FIXEDPT_ONE)
#define FIXEDPT_PI fixedpt_rconst(3.14159265358979323846)
#define FIXEDPT_TWO_PI fixedpt_rconst(2 * 3.14159265358979323846)
#define FIXEDPT_HALF_PI fixedpt_rconst(3.14159265358979323846 / 2)
#define FIXEDPT_E fixedpt_rconst(2.7182818284590452354)

#define JBPF_FIXEDPT_FUNCTION static __always_inline __attribute__((unused))

/* ---- Numbers of the functions below: unsigned, 32 fraction bits. ---- */

#define JBPF_Q32_ONE (1ULL << 32)
#define JBPF_Q32_HALF_PI 6746518852ULL
#define JBPF_Q32_LN2 2977044472ULL
#define JBPF_Q32_LOG2E 6196328019ULL

/* The product of two such numbers, each below 2^32 in value; the result must be, too. */
JBPF_FIXEDPT_FUNCTION uint64_t
jbpf_q32_mul(uint64_t a, uint64_t b)
{
    uint64_t a_high = a >> 32, a_low = (uint32_t)a;
    uint64_t b_high = b >> 32, b_low = (uint32_t)b;
    return ((a_high * b_high) << 32) + a_high * b_low + a_low * b_high + ((a_low * b_low) >> 32);
}

/*
 * Choices inside of loops are made by arithmetic: a branch in each of forty rounds is two to the power of
 * forty paths to whoever verifies the codelet. This keeps the compiler from making branches of them
 * again.
 */
#define JBPF_OPAQUE(value) __asm__("" : "+r"(value))

/* Shifts `value` left until its highest bit is bit `top`, which is 62 or 63; the number of steps. Not for 0. */
JBPF_FIXEDPT_FUNCTION unsigned int
jbpf_normalise(uint64_t *value, unsigned int top)
{
    unsigned int steps = 0;
    for (unsigned int step = 32; step > 0; step >>= 1) {
        /* 1 when the upper bits are zero: only then does the subtraction wrap. */
        uint64_t upper = *value >> (top + 1 - step);
        uint64_t empty = (upper - 1) >> 63;
        JBPF_OPAQUE(empty);
        *value <<= empty * step;
        steps += (unsigned int)empty * step;
    }
    return steps;
}

/* The magnitude of a fixedpt. */
JBPF_FIXEDPT_FUNCTION fixedptu
jbpf_fixedpt_magnitude(fixedpt a)
{
    return a < 0 ? (fixedptu)0 - (fixedptu)a : (fixedptu)a;
}

JBPF_FIXEDPT_FUNCTION uint64_t
jbpf_fixedpt_to_q32(fixedptu magnitude)
{
#if FIXEDPT_FBITS <= 32
    return (uint64_t)magnitude << (32 - FIXEDPT_FBITS);
#else
    return magnitude >> (FIXEDPT_FBITS - 32);
#endif
}

/* Rounds to the nearest step; saturates. */
JBPF_FIXEDPT_FUNCTION fixedpt
jbpf_fixedpt_from_q32(uint64_t q32)
{
    if ((q32 >> 32) >= (1ULL << (FIXEDPT_WBITS - 1)))
        return FIXEDPT_MAX;
#if FIXEDPT_FBITS < 32
    q32 += 1ULL << (31 - FIXEDPT_FBITS);
    q32 >>= 32 - FIXEDPT_FBITS;
    return q32 > (uint64_t)FIXEDPT_MAX ? FIXEDPT_MAX : (fixedpt)q32;
#else
    return (fixedpt)(q32 << (FIXEDPT_FBITS - 32));
#endif
}

/* The quotient of two magnitudes as magnitude, 2^BITS - 1 when it does not fit. */
JBPF_FIXEDPT_FUNCTION fixedptu
jbpf_fixedpt_divide(fixedptu a, fixedptu b)
{
#if FIXEDPT_BITS == 32
    uint64_t quotient;
    if (b == 0)
        return UINT32_MAX;
    quotient = ((uint64_t)a << FIXEDPT_FBITS) / b;
    return quotient > UINT32_MAX ? UINT32_MAX : (fixedptu)quotient;
#else
    uint64_t quotient, rest;
    if (b == 0)
        return UINT64_MAX;
    quotient = a / b;
    rest = a % b;
    if (quotient >> FIXEDPT_WBITS)
        return UINT64_MAX;
    for (int i = 0; i < FIXEDPT_FBITS; i++) {
        uint64_t carry = rest >> 63;
        rest <<= 1;
        /* Whether b fits: a bit went out at the top, or the subtraction does not borrow. */
        uint64_t difference = rest - b;
        uint64_t borrow = ((~rest & b) | ((~rest | b) & difference)) >> 63;
        uint64_t fits = carry | (borrow ^ 1);
        JBPF_OPAQUE(fits);
        rest -= b * fits;
        quotient = (quotient << 1) | fits;
    }
    return quotient;
#endif
}

/* ---- Arithmetic. ---- */

/* The product, rounded down. */
JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_mul(fixedpt a, fixedpt b)
{
#if FIXEDPT_BITS == 32
    return (fixedpt)(((int64_t)a * (int64_t)b) >> FIXEDPT_FBITS);
#else
    uint64_t a_low = (uint32_t)a, b_low = (uint32_t)b;
    int64_t a_high = a >> 32, b_high = b >> 32;
    uint64_t low = a_low * b_low;
    uint64_t first = (uint64_t)a_high * b_low;
    uint64_t second = a_low * (uint64_t)b_high;
    uint64_t middle = (low >> 32) + (uint32_t)first + (uint32_t)second;
    int64_t high = a_high * b_high + ((int64_t)first >> 32) + ((int64_t)second >> 32) +
                   (int64_t)(middle >> 32);
    low = (middle << 32) | (uint32_t)low;
    return (fixedpt)(((uint64_t)high << FIXEDPT_WBITS) | (low >> FIXEDPT_FBITS));
#endif
}

/* The quotient, rounded towards zero. Division by zero gives the largest or smallest number. */
JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_div(fixedpt a, fixedpt b)
{
    fixedptu quotient = jbpf_fixedpt_divide(jbpf_fixedpt_magnitude(a), jbpf_fixedpt_magnitude(b));
    if ((a < 0) != (b < 0))
        return quotient > (fixedptu)FIXEDPT_MAX ? FIXEDPT_MIN : -(fixedpt)quotient;
    return quotient > (fixedptu)FIXEDPT_MAX ? FIXEDPT_MAX : (fixedpt)quotient;
}

/* -1, 0 or 1 as `a` is less than, equal to or greater than `b`. */
JBPF_FIXEDPT_FUNCTION int
fixedpt_compare(fixedpt a, fixedpt b)
{
    return (a > b) - (a < b);
}

/* Whether two numbers are at most `tolerance` apart. */
JBPF_FIXEDPT_FUNCTION int
fixedpt_near(fixedpt a, fixedpt b, fixedpt tolerance)
{
    fixedptu distance = a > b ? (fixedptu)a - (fixedptu)b : (fixedptu)b - (fixedptu)a;
    return tolerance >= 0 && distance <= (fixedptu)tolerance;
}

/* The square root, rounded down; -1 of a negative number. */
JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_sqrt(fixedpt a)
{
    /* The digits of the root of a * 2^FBITS, one for each two bits of it, from the top. With an odd
     * number of fraction bits the number is taken to begin one bit higher. */
    enum { BITS = FIXEDPT_BITS + FIXEDPT_FBITS, PAIRS = (BITS + 1) / 2 };
    uint64_t rest = 0, root = 0;
    if (a < 0)
        return -1;
    for (int i = PAIRS - 1; i >= 0; i--) {
        int at = 2 * i - FIXEDPT_FBITS;
        uint64_t two = 0;
        if (at >= 0)
            two = ((fixedptu)a >> at) & 3;
        else if (at == -1)
            two = ((fixedptu)a << 1) & 3;
        rest = (rest << 2) | two;
        /* The next digit is 1 when twice the root and 1 more fit; none of these has 63 bits. */
        uint64_t trial = (root << 2) + 1;
        uint64_t fits = ((rest - trial) >> 63) ^ 1;
        JBPF_OPAQUE(fits);
        rest -= trial * fits;
        root = (root << 1) | fits;
    }
    return (fixedpt)root;
}

/* ---- Powers and logarithms. ---- */

/* e^t for t from 0 to ln 2, all with 32 fraction bits. */
JBPF_FIXEDPT_FUNCTION uint64_t
jbpf_q32_exp_small(uint64_t t)
{
    uint64_t sum = JBPF_Q32_ONE;
    for (int i = 12; i > 0; i--)
        sum = JBPF_Q32_ONE + jbpf_q32_mul(sum, t) / (uint64_t)i;
    return sum;
}

/* e to the power of a magnitude, or of its negative. */
JBPF_FIXEDPT_FUNCTION fixedpt
jbpf_q32_exp(uint64_t magnitude, int negative)
{
    uint64_t exponent, whole, power;
    if (magnitude >= 32 * JBPF_Q32_ONE)
        return negative ? FIXEDPT_ZERO : FIXEDPT_MAX;
    exponent = jbpf_q32_mul(magnitude, JBPF_Q32_LOG2E);
    whole = exponent >> 32;
    if (negative) {
        /* 2^-(whole + fraction) = 2^-(whole + 1) * 2^(1 - fraction) */
        power = jbpf_q32_exp_small(
            jbpf_q32_mul(JBPF_Q32_ONE - (uint32_t)exponent, JBPF_Q32_LN2));
        return jbpf_fixedpt_from_q32(power >> (whole + 1));
    }
    power = jbpf_q32_exp_small(jbpf_q32_mul((uint32_t)exponent, JBPF_Q32_LN2));
    if (whole >= FIXEDPT_WBITS - 1 || whole > 30)
        return FIXEDPT_MAX;
    return jbpf_fixedpt_from_q32(power << whole);
}

/* The natural logarithm of x > 0 as magnitude; `*negative` says whether x < 1. */
JBPF_FIXEDPT_FUNCTION uint64_t
jbpf_q32_ln(fixedpt x, int *negative)
{
    uint64_t mantissa, ratio, square, sum, logarithm;
    int exponent = FIXEDPT_WBITS - 2;
    /* x = mantissa * 2^exponent, the mantissa from 1 to 2. */
    mantissa = (uint64_t)x << (64 - FIXEDPT_BITS);
    exponent -= jbpf_normalise(&mantissa, 62);
    mantissa >>= 30;
    /* ln m = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), at most 1/3. */
    ratio = ((mantissa - JBPF_Q32_ONE) << 30) / ((mantissa + JBPF_Q32_ONE) >> 2);
    square = jbpf_q32_mul(ratio, ratio);
    sum = 0;
    for (int i = 19; i > 0; i -= 2)
        sum = jbpf_q32_mul(sum, square) + JBPF_Q32_ONE / (uint64_t)i;
    logarithm = 2 * jbpf_q32_mul(sum, ratio);
    *negative = exponent < 0;
    if (exponent < 0)
        return (uint64_t)-exponent * JBPF_Q32_LN2 - logarithm;
    return logarithm + (uint64_t)exponent * JBPF_Q32_LN2;
}

/* e to the power of x. */
JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_exp(fixedpt x)
{
    return jbpf_q32_exp(jbpf_fixedpt_to_q32(jbpf_fixedpt_magnitude(x)), x < 0);
}

/* The natural logarithm; the smallest number for x <= 0. */
JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_ln(fixedpt x)
{
    int negative = 0;
    fixedpt logarithm;
    if (x <= 0)
        return FIXEDPT_MIN;
    logarithm = jbpf_fixedpt_from_q32(jbpf_q32_ln(x, &negative));
    return negative ? -logarithm : logarithm;
}

/* The logarithm to another base. */
JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_log(fixedpt x, fixedpt base)
{
    return fixedpt_div(fixedpt_ln(x), fixedpt_ln(base));
}

/* n to the power of `exponent`; 0 for n <= 0. */
JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_pow(fixedpt n, fixedpt exponent)
{
    uint64_t logarithm, magnitude = jbpf_fixedpt_to_q32(jbpf_fixedpt_magnitude(exponent));
    int negative = 0;
    if (exponent == 0)
        return FIXEDPT_ONE;
    if (n <= 0)
        return 0;
    logarithm = jbpf_q32_ln(n, &negative);
    negative = negative != (exponent < 0);
    /* Beyond e^64 the product below would not fit, and nor would the result. */
    if (logarithm != 0 && (magnitude >> 6) > (1ULL << 63) / logarithm)
        return negative ? FIXEDPT_ZERO : FIXEDPT_MAX;
    return jbpf_q32_exp(jbpf_q32_mul(logarithm, magnitude), negative);
}

/* ---- Angles, in radians. The error grows by 4e-11 with each radian. ---- */

/* The sine of an angle from 0 to a half pi, all with 32 fraction bits. */
JBPF_FIXEDPT_FUNCTION uint64_t
jbpf_q32_sin_small(uint64_t t)
{
    /* t (1 - t^2/(2*3) (1 - t^2/(4*5) (1 - ...))): every factor lies between 0 and 1. */
    uint64_t square = jbpf_q32_mul(t, t);
    uint64_t factor = JBPF_Q32_ONE;
    for (int i = 12; i > 0; i -= 2)
        factor = JBPF_Q32_ONE -
                 jbpf_q32_mul(square, factor) / (uint64_t)(i * (i + 1));
    return jbpf_q32_mul(t, factor);
}

/* The sine of `quarters` quarter turns and a magnitude. */
JBPF_FIXEDPT_FUNCTION fixedpt
jbpf_fixedpt_sine(fixedptu magnitude, unsigned int quarters)
{
    uint64_t angle = jbpf_fixedpt_to_q32(magnitude);
    uint64_t turns = angle / JBPF_Q32_HALF_PI;
    uint64_t part = angle - turns * JBPF_Q32_HALF_PI;
    unsigned int quarter = (unsigned int)(turns + quarters) & 3;
    fixedpt sine;
    if (quarter & 1)
        part = JBPF_Q32_HALF_PI - part;
    sine = jbpf_fixedpt_from_q32(jbpf_q32_sin_small(part));
    return quarter & 2 ? -sine : sine;
}

JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_sin(fixedpt angle)
{
    fixedpt sine = jbpf_fixedpt_sine(jbpf_fixedpt_magnitude(angle), 0);
    return angle < 0 ? -sine : sine;
}

JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_cos(fixedpt angle)
{
    return jbpf_fixedpt_sine(jbpf_fixedpt_magnitude(angle), 1);
}

JBPF_FIXEDPT_FUNCTION fixedpt
fixedpt_tan(fixedpt angle)
{
    return fixedpt_div(fixedpt_sin(angle), fixedpt_cos(angle));
}

/* ---- Text. ---- */

/* Room for the longest text of fixedpt_str, terminator included. */
#define JBPF_FIXEDPT_STR_SIZE 32

/*
 * Writes a number in decimal to `str`, which has room for JBPF_FIXEDPT_STR_SIZE bytes. `max_dec` is the
 * most digits after the point, 0 to 15; -1 stands for 2, and -2 for 15. Zeros at the end are left out.
 */
JBPF_FIXEDPT_FUNCTION void
fixedpt_str(fixedpt a, char *str, int max_dec)
{
    fixedptu magnitude = jbpf_fixedpt_magnitude(a);
    uint64_t whole = (uint64_t)magnitude >> FIXEDPT_FBITS;
    uint64_t fraction = (uint64_t)magnitude & FIXEDPT_FMASK;
    char digits[10] = {};
    unsigned int used = 0, length = 0;
    unsigned int decimals = max_dec == -1 ? 2 : max_dec < -1 || max_dec > 15 ? 15 : max_dec;

    if (a < 0)
        str[length++] = '-';
    /* Or the compiler makes an address by `or`, which is not defined on pointers. */
    JBPF_OPAQUE(length);
    /* Whole parts have at most ten digits: FIXEDPT_WBITS is 32 at most. */
    for (int i = 9; i >= 0; i--) {
        digits[i] = (char)('0' + whole % 10);
        whole /= 10;
    }
    for (int i = 0; i < 10; i++) {
        if (digits[i] != '0' || used || i == 9) {
            used = 1;
            str[length & 31] = digits[i];
            length++;
        }
    }
    str[length & 31] = '.';
    length++;
    for (unsigned int i = 0; i < 15; i++) {
        if (i >= decimals)
            break;
        /* There are 56 fraction bits at most: a further digit fits. */
        fraction *= 10;
        str[length & 31] = (char)('0' + (fraction >> FIXEDPT_FBITS));
        fraction &= FIXEDPT_FMASK;
        length++;
    }
    /* Back over the zeros at the end, and over the point when nothing follows it. */
    for (unsigned int i = 0; i < 15; i++) {
        if (str[(length - 1) & 31] != '0' || i >= decimals)
            break;
        length--;
    }
    if (str[(length - 1) & 31] == '.')
        length--;
    str[length & 31] = 0;
}

/* The same, in a buffer that all calls share. */
JBPF_FIXEDPT_FUNCTION char *
fixedpt_cstr(fixedpt a, int max_dec)
{
    static char text[JBPF_FIXEDPT_STR_SIZE];
    fixedpt_str(a, text, max_dec);
    return text;
}

/* ---- IEEE 754. ---- */

/* A magnitude times 2^-FBITS as sign, exponent and mantissa; cut off, not rounded. */
JBPF_FIXEDPT_FUNCTION uint64_t
jbpf_fixedpt_to_bits(fixedpt a, int mantissa_bits, int bias)
{
    uint64_t mantissa = jbpf_fixedpt_magnitude(a);
    uint64_t sign = a < 0;
    int exponent = 63 - FIXEDPT_FBITS + bias;
    if (mantissa == 0)
        return 0;
    exponent -= jbpf_normalise(&mantissa, 63);
    /* The highest bit is implied. */
    mantissa = (mantissa << 1) >> (64 - mantissa_bits);
    return (((sign << (mantissa_bits == 52 ? 11 : 8)) | (uint64_t)exponent) << mantissa_bits) |
           mantissa;
}

/* Back from sign, exponent and mantissa: towards zero, saturating; not-a-number gives 0. */
JBPF_FIXEDPT_FUNCTION fixedpt
jbpf_fixedpt_from_bits(uint64_t bits, int mantissa_bits, int bias)
{
    int exponent_bits = mantissa_bits == 52 ? 11 : 8;
    int largest = (1 << exponent_bits) - 1;
    int exponent = (int)(bits >> mantissa_bits) & largest;
    uint64_t negative = (bits >> (mantissa_bits + exponent_bits)) & 1;
    uint64_t fraction = bits & ((1ULL << mantissa_bits) - 1);
    /* One bit below the top, so that the number fits a signed word. */
    uint64_t mantissa = ((1ULL << mantissa_bits) | fraction) << (62 - mantissa_bits);
    int shift = 62 - FIXEDPT_FBITS - (exponent - bias);
    if (exponent == largest && fraction != 0)
        return 0;
    if (shift < 63 - FIXEDPT_BITS + 1)
        return negative ? FIXEDPT_MIN : FIXEDPT_MAX;
    if (shift > 63 || exponent == 0)
        return 0;
    mantissa >>= shift & 63;
    return negative ? -(fixedpt)mantissa : (fixedpt)mantissa;
}

JBPF_FIXEDPT_FUNCTION double
fixed_to_double(fixedpt a)
{
    union {
        uint64_t bits;
        double number;
    } result = {.bits = jbpf_fixedpt_to_bits(a, 52, 1023)};
    return result.number;
}

JBPF_FIXEDPT_FUNCTION float
fixed_to_float(fixedpt a)
{
    union {
        uint32_t bits;
        float number;
    } result = {.bits = (uint32_t)jbpf_fixedpt_to_bits(a, 23, 127)};
    return result.number;
}

JBPF_FIXEDPT_FUNCTION fixedpt
float_to_fixed(float number)
{
    union {
        float number;
        uint32_t bits;
    } argument = {.number = number};
    return jbpf_fixedpt_from_bits(argument.bits, 23, 127);
}

JBPF_FIXEDPT_FUNCTION fixedpt
double_to_fixed(double number)
{
    union {
        double number;
        uint64_t bits;
    } argument = {.number = number};
    return jbpf_fixedpt_from_bits(argument.bits, 52, 1023);
}

#endif
