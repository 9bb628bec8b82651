
/*
 * What of a frame the convolutions answer to: VisualBackProp (Bojarski et al. 2016, section 3). The feature maps of each
 * layer are averaged; from the last layer on, the average is spread over what each place of the layer saw below, and
 * multiplied with the average there. Where kernels overlap, what they spread is averaged, not summed.
 */
struct averages {
    float map1[H1 * W1], map2[H2 * W2], map3[H3 * W3], map4[H4 * W4];
};

static NOT_INLINE void through_layers(const uint8_t *rgb, float *features, void *scratch, struct averages *averages);

/* The average over the channels of each pixel of a row. */
static NOT_INLINE void average(const float *row, int width, int channels, float *map) {
    for (int x = 0; x < width; x++) {
        float sum = 0.0f;
        for (int c = 0; c < channels; c++) sum += *row++;
        map[x] = sum / (float)channels;
    }
}

/* The kernels along one side of a layer, `stride` pixels apart, of which those from `first` up to `last` saw some pixel. */
struct kernels {
    int count, size, stride, first, last;
};

/* Move on to pixel i, from the one before it; the first is 0. */
LNN_INLINE void move_to(struct kernels *kernels, int i) {
    if (kernels->last < kernels->count && kernels->last * kernels->stride == i) kernels->last++;
    if (kernels->first * kernels->stride + kernels->size == i) kernels->first++;
}

LNN_INLINE float mean(const float *values, int apart, const struct kernels *kernels) {
    const int count = kernels->last - kernels->first;
    float sum = 0.0f;
    for (int k = kernels->first; k < kernels->last; k++) sum += values[k * apart];
    return count > 1 ? sum / (float)count : sum;
}

/* A row of the layer below, `width` pixels, from a layer's map; `line` holds a row of that map. */
static NOT_INLINE void spread_row(const float *map, const struct kernels *down, struct kernels right, int width,
                                  float *line, float *row) {
    for (int x = 0; x < right.count; x++) line[x] = mean(map + x, right.count, down);
    for (int x = 0; x < width; x++) {
        move_to(&right, x);
        row[x] = mean(line, 1, &right);
    }
}

/* A layer's map onto the averages of the layer below. Its scratch: a row of either. */
static void multiply(const float *map, struct kernels down, struct kernels right, int height, int width, float *scratch,
                     float *below) {
    float *row = scratch + right.count;
    for (int y = 0; y < height; y++, below += width) {
        move_to(&down, y);
        spread_row(map, &down, right, width, scratch, row);
        for (int x = 0; x < width; x++) below[x] *= row[x];
    }
}

void policy_encode(const uint8_t *rgb, float features[POLICY_FEATURES], void *scratch) {
    through_layers(rgb, features, scratch, 0);
}

void policy_encode_with_attention(
    const uint8_t *rgb, float features[POLICY_FEATURES], uint8_t attention[POLICY_HEIGHT * POLICY_WIDTH],
    void *scratch, void *attention_scratch) {
    const struct kernels right1 = {W1, K1, S1, 0, 0}, right2 = {W2, K2, S2, 0, 0}, right3 = {W3, K3, S3, 0, 0};
    const struct kernels down2 = {H2, K2, S2, 0, 0}, down3 = {H3, K3, S3, 0, 0};
    const struct kernels down4 = {H4, K4, S4, 0, 0}, right4 = {W4, K4, S4, 0, 0};
    struct kernels down1 = {H1, K1, S1, 0, 0};
    struct averages *seen = attention_scratch;
    float *line = scratch, *row = line + W1; /* the layers leave it free */
    float most = 1e-12f, scale;              /* a map below this answers to nothing */

    through_layers(rgb, features, scratch, seen);
    multiply(seen->map4, down4, right4, H3, W3, scratch, seen->map3);
    multiply(seen->map3, down3, right3, H2, W2, scratch, seen->map2);
    multiply(seen->map2, down2, right2, H1, W1, scratch, seen->map1);
    /* The frame's map has the same largest: of the first layer each kernel sees some pixel alone (2 * S1 > K1). */
    for (int i = 0; i < H1 * W1; i++) most = seen->map1[i] > most ? seen->map1[i] : most;
    scale = 255.0f / most;
    for (int y = 0; y < H0; y++) {
        move_to(&down1, y);
        spread_row(seen->map1, &down1, right1, W0, line, row);
        for (int x = 0; x < W0; x++) {
            const float shade = row[x] * scale + 0.5f;
            *attention++ = shade < 255.0f ? (uint8_t)shade : 255;
        }
    }
}
