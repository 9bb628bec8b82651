/*
 * The encoder: a frame into features, in float32. Four convolutions, each with its ReLU, then a linear map and tanh.
 *
 * A row is made as soon as the rows that it needs are there, and of each layer only the rows that the next one still
 * needs are kept: that is the scratch.
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
    static void layer##TO(const void *const *in, float mean, float scale, float *out) { \
        const struct window window = {K##TO, K##TO * C##FROM, S##TO * C##FROM, BYTES, mean}; \
        const struct finish finish = {scale, OFFSET##TO, 1}; \
        convolve(&window, in, WEIGHT##TO, &finish, W##TO, C##TO, out); \
    }

LAYER(0, 1, WIDTH == 1)
LAYER(1, 2, 0)
LAYER(2, 3, 0)
LAYER(3, 4, 0)

struct scratch {
#if WIDTH > 1
    float rows0[K1][W0 * C0]; /* lanes take floats; without them a byte is made one where it is needed */
#endif
    float rows1[K2][W1 * C1], rows2[K3][W2 * C2], rows3[K4][W3 * C3], all4[H4 * W4 * C4];
};

/* 1 / sqrt(x), x >= 1: four of Newton's steps from a first guess by the exponent. */
static float inverse_root(float x) {
    union {
        float f;
        uint32_t u;
    } guess = {x};
    const float half = 0.5f * x;
    guess.u = 0x5f3759dfu - (guess.u >> 1);
    for (int i = 0; i < 4; i++) guess.f *= 1.5f - half * guess.f * guess.f;
    return guess.f;
}

/* The frame's mean and 1 / sqrt(variance + 1), from whole numbers, which are exact. */
static void standard(const uint8_t *rgb, float *mean, float *per_deviation) {
    uint64_t sum = 0, squares = 0, variance;
    for (int y = 0; y < H0; y++) {
        int32_t row_sum = 0, row_squares = 0; /* signed, for the multiply-add that x86 has */
        for (int i = 0; i < W0 * C0; i++) {
            const int16_t x = rgb[y * W0 * C0 + i];
            row_sum += x;
            row_squares += x * x;
        }
        sum += (uint32_t)row_sum;
        squares += (uint32_t)row_squares;
    }
    variance = squares * (H0 * W0 * C0) - sum * sum; /* times the count squared */
    *mean = (float)(uint32_t)sum / (H0 * W0 * C0);
    *per_deviation = inverse_root(((float)(uint32_t)(variance >> 32) * 4294967296.0f + (float)(uint32_t)variance) *
                                      PER_COUNT_SQUARED + 1.0f);
}

void policy_encode(const uint8_t *rgb, float features[POLICY_FEATURES], void *scratch) {
    struct scratch *s = scratch;
    const void *in[K1 > K2 ? K1 : K2];
    float mean, per_deviation, z[PADDED];
    int y1, y2, y3, y4 = 0;
    const struct window whole = {1, H4 * W4 * C4, 0, 0, 0.0f};
    const struct finish project = {1.0f, PROJECT_OFFSET, 0};

    /* The mean is taken off every value, for the sums' digits; the deviation divides the first layer's sums. */
    standard(rgb, &mean, &per_deviation);
    for (y1 = 0; y1 < H1; y1++) {
        for (int k = 0; k < K1; k++) {
#if WIDTH > 1
            const int y0 = S1 * y1 + k;
            float *row = s->rows0[y0 % K1];
            if (y1 == 0 || k >= K1 - S1) {
                for (int i = 0; i < W0 * C0; i++) row[i] = (float)rgb[y0 * W0 * C0 + i] - mean;
            }
            in[k] = row;
#else
            in[k] = rgb + (S1 * y1 + k) * W0 * C0;
#endif
        }
        layer1(in, mean, per_deviation, s->rows1[y1 % K2]);
        if (y1 < K2 - 1 || (y1 - (K2 - 1)) % S2) continue;
        y2 = (y1 - (K2 - 1)) / S2;
        for (int k = 0; k < K2; k++) in[k] = s->rows1[(S2 * y2 + k) % K2];
        layer2(in, 0.0f, 1.0f, s->rows2[y2 % K3]);
        if (y2 < K3 - 1 || (y2 - (K3 - 1)) % S3) continue;
        y3 = (y2 - (K3 - 1)) / S3;
        for (int k = 0; k < K3; k++) in[k] = s->rows2[(S3 * y3 + k) % K3];
        layer3(in, 0.0f, 1.0f, s->rows3[y3 % K4]);
        if (y3 < K4 - 1) continue;
        for (int k = 0; k < K4; k++) in[k] = s->rows3[(y4 + k) % K4];
        layer4(in, 0.0f, 1.0f, s->all4 + y4 * W4 * C4);
        y4++;
    }
    in[0] = s->all4;
    convolve(&whole, in, PROJECT, &project, 1, PADDED, z);
    for (int f = 0; f < POLICY_FEATURES; f++) features[f] = lnn_tanh(z[f]);
}
