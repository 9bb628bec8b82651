/*
 * A frame through the layers. A row is made as soon as the rows that it needs are there, and of each layer only the
 * rows that the next one still needs are kept: that is the scratch.
 */
struct scratch {
#if WIDTH > 1
    float rows0[K1][W0 * C0]; /* lanes take floats; without them a byte is made one where it is needed */
#endif
    float all4[H4 * W4 * C4];
    element rows1[K2][W1 * C1], rows2[K3][W2 * C2], rows3[K4][W3 * C3];
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

/* The sums of the frame's values and of their squares. */
#if WIDTH == 8
static void add_up(const uint8_t *rgb, uint64_t *sum, uint64_t *squares) {
    enum { COUNT = H0 * W0 * C0, MOST = 1 << 19 }; /* of so many values the squares, in eight sums, fit in 32 bits each */
    const __m256i zero = _mm256_setzero_si256();
    for (int i = 0; i < COUNT;) {
        const int end = COUNT - i < MOST ? COUNT : i + MOST;
        __m256i sums = zero, sums_of_squares = zero;
        uint64_t four[4];
        uint32_t eight[8];
        for (; i + 32 <= end; i += 32) { /* a quarter of the time that GCC's own vectors take */
            const __m256i x = _mm256_loadu_si256((const void *)(rgb + i));
            const __m256i low = _mm256_unpacklo_epi8(x, zero), high = _mm256_unpackhi_epi8(x, zero);
            sums = _mm256_add_epi64(sums, _mm256_sad_epu8(x, zero));
            sums_of_squares = _mm256_add_epi32(sums_of_squares, _mm256_madd_epi16(low, low));
            sums_of_squares = _mm256_add_epi32(sums_of_squares, _mm256_madd_epi16(high, high));
        }
        _mm256_storeu_si256((void *)four, sums);
        _mm256_storeu_si256((void *)eight, sums_of_squares);
        for (int k = 0; k < 4; k++) *sum += four[k];
        for (int k = 0; k < 8; k++) *squares += eight[k];
        for (; i < end; i++) {
            *sum += rgb[i];
            *squares += (uint32_t)(rgb[i] * rgb[i]);
        }
    }
}
#else
static void add_up(const uint8_t *rgb, uint64_t *sum, uint64_t *squares) {
    for (int y = 0; y < H0; y++) {
        int32_t row_sum = 0, row_squares = 0;
        for (int i = 0; i < W0 * C0; i++) {
            const int16_t x = rgb[y * W0 * C0 + i];
            row_sum += x;
            row_squares += x * x;
        }
        *sum += (uint32_t)row_sum;
        *squares += (uint32_t)row_squares;
    }
}
#endif

/* The frame's mean and 1 / sqrt(variance + 1), from whole numbers, which are exact. */
static void standard(const uint8_t *rgb, float *mean, float *per_deviation) {
    uint64_t sum = 0, squares = 0, variance;
    add_up(rgb, &sum, &squares);
    variance = squares * (H0 * W0 * C0) - sum * sum; /* times the count squared */
    *mean = (float)(uint32_t)sum / (H0 * W0 * C0);
    *per_deviation = inverse_root(((float)(uint32_t)(variance >> 32) * 4294967296.0f + (float)(uint32_t)variance) *
                                      PER_COUNT_SQUARED + 1.0f);
}

#if POLICY_ATTENTION
static void through_layers(const uint8_t *rgb, float *features, void *scratch, struct averages *averages) {
#else
void policy_encode(const uint8_t *rgb, float features[POLICY_FEATURES], void *scratch) {
#endif
    struct scratch *s = scratch;
    const void *in[K1 > K2 ? K1 : K2];
    float mean, per_deviation;
    int y1, y2, y3, y4 = 0;

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
#if POLICY_ATTENTION
        if (averages) average(s->rows1[y1 % K2], W1, C1, averages->map1 + y1 * W1);
#endif
        if (y1 < K2 - 1 || (y1 - (K2 - 1)) % S2) continue;
        y2 = (y1 - (K2 - 1)) / S2;
        for (int k = 0; k < K2; k++) in[k] = s->rows1[(S2 * y2 + k) % K2];
        layer2(in, 0.0f, 1.0f, s->rows2[y2 % K3]);
#if POLICY_ATTENTION
        if (averages) average(s->rows2[y2 % K3], W2, C2, averages->map2 + y2 * W2);
#endif
        if (y2 < K3 - 1 || (y2 - (K3 - 1)) % S3) continue;
        y3 = (y2 - (K3 - 1)) / S3;
        for (int k = 0; k < K3; k++) in[k] = s->rows2[(S3 * y3 + k) % K3];
        layer3(in, 0.0f, 1.0f, s->rows3[y3 % K4]);
#if POLICY_ATTENTION
        if (averages) average(s->rows3[y3 % K4], W3, C3, averages->map3 + y3 * W3);
#endif
        if (y3 < K4 - 1) continue;
        for (int k = 0; k < K4; k++) in[k] = s->rows3[(y4 + k) % K4];
        layer4(in, 0.0f, 1.0f, s->all4 + y4 * W4 * C4);
#if POLICY_ATTENTION
        if (averages) average(s->all4 + y4 * W4 * C4, W4, C4, averages->map4 + y4 * W4);
#endif
        y4++;
    }
    project(s->all4, features);
}
