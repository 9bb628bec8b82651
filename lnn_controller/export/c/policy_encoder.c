/*
 * The encoder: a frame into features, in float32. Four convolutions, each with its ReLU, then a linear map and tanh.
 *
 * Every sum of products runs over the kernel's rows, columns and channels, in this order, from zero; the lanes of a
 * vector are channels, which never meet. So the width of the vectors does not show in the bits. What does is whether
 * a product is rounded before it is added. It is, in plain C99 (compile with -ffp-contract=off). With LNN_FUSED, for
 * the processor of a robot, it is nowhere: one fused multiply-add a product, with AVX2, with NEON, or without lanes.
 */
#define BLOCK 8 /* channels whose weights lie side by side */

#if defined(LNN_FUSED) && defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
#define WIDTH 8       /* floats in a vector */
#define MOST_SUMS 12  /* vectors of sums that stay in registers */
#define MOST_BLOCKS 4 /* blocks of channels at once */
typedef __m256 vector;

LNN_INLINE vector spread(float x) { return _mm256_set1_ps(x); }
LNN_INLINE vector load(const float *from) { return _mm256_loadu_ps(from); }
LNN_INLINE void store(float *to, vector x) { _mm256_storeu_ps(to, x); }
LNN_INLINE vector fused(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }
LNN_INLINE vector above_zero(vector x) { return _mm256_max_ps(x, _mm256_setzero_ps()); }

#elif defined(LNN_FUSED) && defined(__aarch64__)

#include <arm_neon.h>
#define WIDTH 4
#define MOST_SUMS 24
#define MOST_BLOCKS 2
typedef float32x4_t vector;

LNN_INLINE vector spread(float x) { return vdupq_n_f32(x); }
LNN_INLINE vector load(const float *from) { return vld1q_f32(from); }
LNN_INLINE void store(float *to, vector x) { vst1q_f32(to, x); }
LNN_INLINE vector fused(vector a, vector b, vector c) { return vfmaq_f32(c, a, b); }
LNN_INLINE vector above_zero(vector x) { return vbslq_f32(vcgtzq_f32(x), x, vdupq_n_f32(0.0f)); }

#else

#define WIDTH 1
#define MOST_SUMS 16 /* two pixels of eight channels: half of a Cortex-M4F's registers */
#define MOST_BLOCKS 1
typedef float vector;

LNN_INLINE vector spread(float x) { return x; }
LNN_INLINE vector load(const float *from) { return *from; }
LNN_INLINE void store(float *to, vector x) { *to = x; }
#ifdef LNN_FUSED
LNN_INLINE vector fused(vector a, vector b, vector c) { return __builtin_fmaf(a, b, c); }
#else
LNN_INLINE vector fused(vector a, vector b, vector c) { return a * b + c; }
#endif
LNN_INLINE vector above_zero(vector x) { return x > 0.0f ? x : 0.0f; }

#endif

#define VECTORS (BLOCK / WIDTH) /* of a block */

#if defined(__GNUC__)
#define NOT_INLINE __attribute__((noinline)) /* one layer in the others' registers costs 4 % on a Cortex-M4F */
#else
#define NOT_INLINE
#endif

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 32")
#else
#define UNROLL
#endif

/*
 * What lies under a convolution's kernel: `run` values of each of some rows. The next pixel's begin `stride` values on.
 * Rows are of floats, or of bytes as they come from the camera, less their mean.
 */
struct window {
    int rows, run, stride, bytes;
    float mean;
};

LNN_INLINE float value(const struct window *window, const void *row, int i) {
    return window->bytes ? (float)((const uint8_t *)row)[i] - window->mean : ((const float *)row)[i];
}

/* The sums of `pixels` pixels side by side, the first one `x`, and of `blocks` blocks of channels. */
LNN_INLINE void sums(const struct window *window, const void *const *in, const float (*weight)[BLOCK], int x,
                     int pixels, int blocks, vector *sum) {
    const int vectors = blocks * VECTORS;
    UNROLL for (int n = 0; n < pixels * vectors; n++) sum[n] = spread(0.0f);
    for (int k = 0; k < window->rows; k++) {
        for (int i = 0; i < window->run; i++, weight++) {
            vector w[MOST_BLOCKS * VECTORS];
            UNROLL for (int v = 0; v < vectors; v++) {
                w[v] = load(weight[v / VECTORS * window->rows * window->run] + v % VECTORS * WIDTH);
            }
            UNROLL for (int p = 0; p < pixels; p++) {
                const vector u = spread(value(window, in[k], (x + p) * window->stride + i));
                UNROLL for (int v = 0; v < vectors; v++) sum[p * vectors + v] = fused(w[v], u, sum[p * vectors + v]);
            }
        }
    }
}

/* What becomes of a sum: scale * sum + offset, and its ReLU if `rectify`. */
struct finish {
    float scale;
    const float *offset;
    int rectify;
};

/* `pixels` pixels of a row, of `blocks` blocks of channels from channel `c` on. */
LNN_INLINE void part(const struct window *window, const void *const *in, const float (*weight)[BLOCK],
                     const struct finish *finish, int channels, int c, int x, int pixels, int blocks, float *out) {
    const int vectors = blocks * VECTORS;
    vector sum[MOST_SUMS];
    sums(window, in, weight + c / BLOCK * window->rows * window->run, x, pixels, blocks, sum);
    UNROLL for (int p = 0; p < pixels; p++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            const vector offset = load(finish->offset + c + v * WIDTH);
            const vector y = fused(sum[p * vectors + v], spread(finish->scale), offset);
            store(out + (x + p) * channels + c + v * WIDTH, finish->rectify ? above_zero(y) : y);
        }
    }
}

/*
 * A row of a convolution. It is divided into parts of as many pixels as their sums find place in registers, or one
 * less, so that all parts are about as long.
 */
LNN_INLINE void convolve(const struct window *window, const void *const *in, const float (*weight)[BLOCK],
                         const struct finish *finish, int width, int channels, float *out) {
    const int all = channels / BLOCK, blocks = all % MOST_BLOCKS == 0 ? MOST_BLOCKS : all < MOST_BLOCKS ? all : 1;
    const int most = MOST_SUMS / (blocks * VECTORS), parts = (width + most - 1) / most, size = width / parts;
    for (int c = 0; c < channels; c += blocks * BLOCK) {
        int x = 0;
        for (; x < width % parts * (size + 1); x += size + 1) {
            part(window, in, weight, finish, channels, c, x, size + 1, blocks, out);
        }
        for (; x < width; x += size) part(window, in, weight, finish, channels, c, x, size, blocks, out);
    }
}

/* Layer TO: a kernel KTO x KTO with stride STO, and a result of HTO x WTO x CTO. */
#define LAYER(FROM, TO, BYTES) \
    static NOT_INLINE void layer##TO(const void *const *in, float mean, float scale, float *out) { \
        const struct window window = {K##TO, K##TO * C##FROM, S##TO * C##FROM, BYTES, mean}; \
        const struct finish finish = {scale, OFFSET##TO, 1}; \
        convolve(&window, in, WEIGHT##TO, &finish, W##TO, C##TO, out); \
    }

typedef float element;

LAYER(0, 1, WIDTH == 1)
LAYER(1, 2, 0)
LAYER(2, 3, 0)
LAYER(3, 4, 0)

static NOT_INLINE void project(const float *all, float *features) {
    const struct window window = {1, H4 * W4 * C4, 0, 0, 0.0f};
    const struct finish finish = {1.0f, PROJECT_OFFSET, 0};
    const void *in = all;
    float sum[PADDED];
    convolve(&window, &in, PROJECT, &finish, 1, PADDED, sum);
    for (int f = 0; f < POLICY_FEATURES; f++) features[f] = lnn_tanh(sum[f]);
}

