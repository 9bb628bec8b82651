/*
 * exp, tanh, sigmoid, softplus, erf, sine and cosine in float32 without libm: the same bits on every machine.
 *
 * Every operation is one IEEE 754 addition, subtraction, multiplication or division, rounded to nearest, in a fixed order. A compiler
 * that may fuse, reorder or widen them would break that: take -std=c99 -ffp-contract=off, and no -ffast-math.
 * A number that is not finite does no harm here: who must know of it looks before.
 */
#ifndef LNN_MATH_H
#define LNN_MATH_H

#include <float.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "compile without -ffast-math: it takes the tests for numbers that are not finite away, and the bits"
#endif
#if FLT_EVAL_METHOD != 0
#error "float must be computed as float: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

#if defined(__GNUC__)
#define LNN_INLINE static inline __attribute__((always_inline, unused))
#else
#define LNN_INLINE static inline
#endif

/* x within -64 ... 64, where e^x is far from the ends of float, and tanh and sigmoid have long become constant. NaN becomes -64. */
LNN_INLINE float lnn_held(float x) {
    union {
        float f;
        uint32_t u;
    } bits;
    bits.f = x;
    return bits.u << 1 < 0x85000000u ? x : x > 0.0f ? 64.0f : -64.0f; /* its magnitude, by the bits */
}

/* e^x = 2^n e^r with |r| <= ln(2) / 2: returns e^r - 1, and 2^n in two_n. x: held. */
LNN_INLINE float lnn_reduce(float x, float *two_n) {
    union {
        float f;
        uint32_t u;
    } n, power;
    float r, whole;
    n.f = x * 1.44269502f + 12582912.0f; /* to the nearest whole number, which then stands in the lowest bits */
    whole = n.f - 12582912.0f;
    power.u = (n.u << 23) + 0x3f800000u;
    *two_n = power.f;
    r = (x - whole * 0.693359375f) + whole * 2.12194442e-4f; /* ln 2 in two parts, the first with few bits */
    return r + r * r * (0.5f + r * (0.166665435f + r * (0.0416664481f + r * (0.00836653821f + r * 0.00139365403f))));
}

/* Of numbers that are held: e^x, sigmoid of x, and tanh of x / 2. */
LNN_INLINE float lnn_exp_held(float x) {
    float two_n, p = lnn_reduce(x, &two_n);
    return two_n * p + two_n;
}

LNN_INLINE float lnn_sigmoid_held(float x) {
    return 1.0f / (1.0f + lnn_exp_held(-x));
}

LNN_INLINE float lnn_tanh_half_held(float x) { /* (e^x - 1) / (e^x + 1), without a loss of digits near 0 */
    float two_n, p = lnn_reduce(x, &two_n), e = two_n * p + (two_n - 1.0f);
    return e / (e + 2.0f);
}

/* e^x; beyond -64 ... 64 as there. */
LNN_INLINE float lnn_exp(float x) {
    return lnn_exp_held(lnn_held(x));
}

/* 1 / (1 + e^-x) */
LNN_INLINE float lnn_sigmoid(float x) {
    return lnn_sigmoid_held(lnn_held(x));
}

LNN_INLINE float lnn_tanh(float x) {
    return lnn_tanh_half_held(lnn_held(x + x));
}

/* ln(1 + e^x) */
LNN_INLINE float lnn_softplus(float x) {
    float above = x > 0.0f ? x : 0.0f, u = lnn_exp(x > 0.0f ? -x : x);
    return above + (u + u * u * (-0.499996483f + u * (0.3332133f + u * (-0.248572171f + u * (0.191538483f
        + u * (-0.137541875f + u * (0.0792088285f + u * (-0.0300683007f + u * 0.00536542246f))))))));
}

/* Sine and cosine of x, rad, 0 to 8192; beyond as there. Polynomials of Cephes' sinf and cosf (Moshier, 1989). */
LNN_INLINE float lnn_sine_cosine(float x, float *cosine) {
    union {
        float f;
        uint32_t u;
    } n;
    float whole, r, s, sine, other;
    x = x < 8192.0f ? x : 8192.0f;
    n.f = x * 0.636619772f + 12582912.0f; /* quarter turns, in the lowest bits */
    whole = n.f - 12582912.0f;
    r = ((x - whole * 1.5703125f) - whole * 4.83751297e-4f) - whole * 7.54978942e-8f; /* pi / 2 in three parts */
    s = r * r;
    sine = r + r * s * (-0.166666546f + s * (0.00833216087f + s * -1.95152959e-4f));
    other = 1.0f - 0.5f * s + s * s * (0.0416666457f + s * (-0.00138873163f + s * 2.44331571e-5f));
    *cosine = (n.u & 1u) ? sine : other;
    sine = (n.u & 1u) ? other : sine;
    *cosine = ((n.u + 1u) & 2u) ? -*cosine : *cosine;
    return (n.u & 2u) ? -sine : sine;
}

/* The error function. */
LNN_INLINE float lnn_erf(float x) {
    float a = x < 0.0f ? -x : x, s = x * x, e;
    if (a < 1.0f) {
        return x * (1.12837911f + s * (-0.3761231f + s * (0.112801515f + s * (-0.026711693f + s * (0.00491872709f + s * -0.000563797948f)))));
    }
    a = a < 4.0f ? a : 4.0f;
    e = 1.0f - lnn_exp(-0.00267168763f + a * (-1.11743855f + a * (-0.654488802f + a * (-0.0886343196f + a * (0.0147781912f + a * -0.00115043565f)))));
    return x < 0.0f ? -e : e;
}

#endif
