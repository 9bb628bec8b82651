/*
 * The encoder in whole numbers: values of 8 bits, weights of 16, sums of 32, two products an instruction on a Cortex-M4
 * and its successors (SMLAD), the same sums in plain C elsewhere. What a value stands for was measured on frames.
 *
 * Four values lie in a word. As pairs of 16 bits that is the first and the third, then the second and the fourth; the
 * weights lie in the same order. No sum of 32 bits can overflow: that limits the weights.
 */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a little-endian processor is needed"
#endif

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
LNN_INLINE int32_t add_products(uint32_t a, uint32_t b, int32_t sum) {
    return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}
LNN_INLINE uint32_t even_bytes(uint32_t x) { return (uint32_t)__uxtb16(x); }
LNN_INLINE uint32_t odd_bytes(uint32_t x) {
    uint32_t bytes;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(bytes) : "r"(x)); /* GCC 12 makes two instructions of the intrinsics */
    return bytes;
}
#else
LNN_INLINE int32_t add_products(uint32_t a, uint32_t b, int32_t sum) {
    return sum + (int16_t)(a & 0xffffu) * (int16_t)(b & 0xffffu) + (int16_t)(a >> 16) * (int16_t)(b >> 16);
}
LNN_INLINE uint32_t even_bytes(uint32_t x) { return x & 0x00ff00ffu; }
LNN_INLINE uint32_t odd_bytes(uint32_t x) { return x >> 8 & 0x00ff00ffu; }
#endif

#if defined(__OPTIMIZE__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 4")
#else
#define UNROLL
#endif

#define WIDTH 1

#if defined(__GNUC__)
#define NOT_INLINE __attribute__((noinline)) /* one layer in the others' registers costs 4 % on a Cortex-M4F */
#else
#define NOT_INLINE
#endif

typedef uint8_t element;

LNN_INLINE uint32_t word(const uint8_t *from) {
    uint32_t x;
    __builtin_memcpy(&x, from, 4);
    return x;
}

/* Four values, of one pixel or of two that lie `stride` apart, with the weights of two channels. */
LNN_INLINE void add_four(const uint8_t *from, int stride, const uint32_t *weight, int pixels, int32_t sum[4]) {
    const uint32_t x = word(from), y = pixels == 2 ? word(from + stride) : 0;
    uint32_t u = even_bytes(x), v = even_bytes(y);
    sum[0] = add_products(u, weight[0], sum[0]);
    sum[2] = add_products(v, weight[0], sum[2]);
    sum[1] = add_products(u, weight[2], sum[1]);
    sum[3] = add_products(v, weight[2], sum[3]);
    u = odd_bytes(x);
    v = odd_bytes(y);
    sum[0] = add_products(u, weight[1], sum[0]);
    sum[2] = add_products(v, weight[1], sum[2]);
    sum[1] = add_products(u, weight[3], sum[1]);
    sum[3] = add_products(v, weight[3], sum[3]);
}

/* The sums of one pixel or two, of two channels; `run` values lie under each of the kernel's rows. */
LNN_INLINE void sums(const void *const *in, int first, int rows, int run, int stride, const uint32_t *weight, int pixels,
                     int32_t sum[4]) {
    for (int k = 0; k < 4; k++) sum[k] = 0;
    for (int k = 0; k < rows; k++) {
        const uint8_t *from = (const uint8_t *)in[k] + first;
        UNROLL for (int i = 0; i < run / 4; i++, from += 4, weight += 4) add_four(from, stride, weight, pixels, sum);
        if (run % 4) { /* no word goes beyond the row: the last begins with values that have been, of weight zero */
            add_four(from - 4 + run % 4, stride, weight, pixels, sum);
            weight += 4;
        }
    }
}

/* A value into a row: to the nearest of 8 bits, or of the last layer as it is; its ReLU in any case. */
LNN_INLINE void put(void *row, int i, float x, int last) {
    const int32_t value = (int32_t)(x + 0.5f);
    if (last) ((float *)row)[i] = x > 0.0f ? x : 0.0f;
    else ((uint8_t *)row)[i] = (uint8_t)(value < 0 ? 0 : value < 255 ? value : 255);
}

/* A row of a convolution: scale * sum + offset. Of the frame, mean and deviation are taken off here. */
LNN_INLINE void convolve(const void *const *in, int width, int rows, int run, int stride, int channels,
                         const uint32_t *weight, const float *scale, const float *offset, const float *total, float mean,
                         float per_deviation, void *out, int last) {
    for (int c = 0; c < channels; c += 2, weight += rows * ((run + 3) / 4) * 4) {
        const float scale0 = scale[c] * per_deviation, scale1 = scale[c + 1] * per_deviation;
        const float offset0 = total ? offset[c] - mean * total[c] * scale0 : offset[c];
        const float offset1 = total ? offset[c + 1] - mean * total[c + 1] * scale1 : offset[c + 1];
        int32_t sum[4];
        int x = 0, to = c;
        for (; x + 1 < width; x += 2, to += 2 * channels) {
            sums(in, x * stride, rows, run, stride, weight, 2, sum);
            put(out, to, (float)sum[0] * scale0 + offset0, last);
            put(out, to + 1, (float)sum[1] * scale1 + offset1, last);
            put(out, to + channels, (float)sum[2] * scale0 + offset0, last);
            put(out, to + channels + 1, (float)sum[3] * scale1 + offset1, last);
        }
        if (x < width) {
            sums(in, x * stride, rows, run, stride, weight, 1, sum);
            put(out, to, (float)sum[0] * scale0 + offset0, last);
            put(out, to + 1, (float)sum[1] * scale1 + offset1, last);
        }
    }
}

/* Layer TO: a kernel KTO x KTO with stride STO, and a result of HTO x WTO x CTO. */
#define LAYER(FROM, TO, TOTAL) \
    static NOT_INLINE void layer##TO(const void *const *in, float mean, float per_deviation, void *out) { \
        convolve(in, W##TO, K##TO, K##TO * C##FROM, S##TO * C##FROM, C##TO, WEIGHT##TO, SCALE##TO, OFFSET##TO, TOTAL, \
                 mean, per_deviation, out, TO == 4); \
    }

LAYER(0, 1, TOTAL1)
LAYER(1, 2, 0)
LAYER(2, 3, 0)
LAYER(3, 4, 0)

static NOT_INLINE void project(const float *all, float *features) {
    for (int f = 0; f < POLICY_FEATURES; f++) {
        float sum = PROJECT_OFFSET[f];
        for (int i = 0; i < H4 * W4 * C4; i++) sum += PROJECT[f][i] * all[i];
        features[f] = lnn_tanh(sum);
    }
}

