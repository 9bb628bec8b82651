/*
 * A camera's picture into the network's frame: rows are cut off above and below, the rest is averaged by area, to the
 * bits of cv2.resize with INTER_AREA, which the network was trained with.
 *
 * OpenCV sums along each row of the picture, then down. Here it goes down first, for a row of the picture lies in one
 * piece, and a processor with vectors takes many of its values at once. The two differ in the last digits of a float,
 * so a value is computed again, in OpenCV's order, where it is so near the middle of two whole numbers that those could
 * decide: one of some thousands.
 */
#define ROWS POLICY_HEIGHT
#define COLUMNS POLICY_WIDTH
#define MOST_DOWN 257 /* times that a picture may be higher than the frame: so many bytes add up in 16 bits */

#if defined(__GNUC__)
#define RESTRICT __restrict__
#else
#define RESTRICT
#endif

#if defined(__SSE2__) || defined(__ARM_NEON)
typedef float lanes __attribute__((vector_size(16), aligned(4), may_alias));
#endif

/* Made once for a size of picture, and a place to work in. At first all zeros, which is the plan for none. */
struct plan {
    int32_t height, width;                /* of the picture, after the crop */
    int32_t most_x, most_y;               /* weights of each column, and of each row at most */
    int32_t first_x[COLUMNS];             /* its first pixel */
    int32_t first_y[ROWS], count_y[ROWS]; /* its first row, and how many */
    float value[COLUMNS * 3 + 1];         /* of a row of the frame */
    float data[]; /* weights of columns, weights of rows, sums of the picture's columns as floats and in 16 bits */
};

/* A picture, or what the crop leaves of it. */
struct picture {
    const uint8_t *data;
    int height, width, row_bytes, channels;
};

/*
 * How much of each of `count` pixels of a picture, from `first` on, goes into pixel `at` of the frame, along a side of
 * `from` and `to` pixels. From whole numbers, for a microcontroller has no double: one pixel of the picture is `to`
 * long, one of the frame `from`.
 */
static void weigh(int at, int from, int to, int first, int count, float *weight) {
    const int32_t low = (int32_t)at * from, high = low + from;
    for (int i = 0; i < count; i++) {
        const int32_t left = (int32_t)(first + i) * to, right = left + to;
        const int32_t both = (right < high ? right : high) - (left > low ? left : low);
        weight[i] = (float)(both > 0 ? both : 0) / (float)from;
    }
}

static int all_whole(int height, int width) { return height % ROWS == 0 && width % COLUMNS == 0; }

static void make_plan(struct plan *plan, int height, int width) {
    float *weight = plan->data;
    plan->most_x = all_whole(height, width) ? width / COLUMNS : width / COLUMNS + 2;
    plan->most_y = height / ROWS + 2;
    for (int x = 0; x < COLUMNS; x++, weight += plan->most_x) {
        /* Each column has as many weights, some of them zero; those too lie on pixels. */
        const int first = x * width / COLUMNS, last = width - plan->most_x;
        plan->first_x[x] = first < last ? first : last;
        weigh(x, width, COLUMNS, plan->first_x[x], plan->most_x, weight);
        if (all_whole(height, width)) {
            for (int i = 0; i < plan->most_x; i++) weight[i] = 1.0f;
        }
    }
    for (int y = 0; y < ROWS; y++, weight += plan->most_y) {
        plan->first_y[y] = y * height / ROWS;
        plan->count_y[y] = ((y + 1) * height - 1) / ROWS - plan->first_y[y] + 1;
        weigh(y, height, ROWS, plan->first_y[y], plan->count_y[y], weight);
    }
    plan->height = height;
    plan->width = width;
    weight[width * 3] = 0.0f; /* behind the sums of a row of colours, where the lanes reach */
}

/* A value of the frame in OpenCV's order. */
static float in_order(const struct plan *plan, const struct picture *picture, int y, int x, int channel) {
    const float *down = plan->data + COLUMNS * plan->most_x + y * plan->most_y, *across = plan->data + x * plan->most_x;
    const uint8_t *row = picture->data + (ptrdiff_t)plan->first_y[y] * picture->row_bytes;
    float all = 0.0f;
    row += plan->first_x[x] * picture->channels + channel;
    for (int k = 0; k < plan->count_y[y]; k++, row += picture->row_bytes) {
        float sum = 0.0f;
        for (int i = 0; i < plan->most_x; i++) sum += (float)row[i * picture->channels] * across[i];
        all += down[k] * sum;
    }
    return all;
}

/* The sums of some rows, one above the other; two at a time, to store half as often. */
static void add_rows(const uint8_t *RESTRICT row, int row_bytes, int rows, int values, uint16_t *RESTRICT sums) {
    if (rows % 2) {
        for (int i = 0; i < values; i++) sums[i] = row[i];
    } else {
        for (int i = 0; i < values; i++) sums[i] = (uint16_t)(row[i] + row[i + row_bytes]);
    }
    for (int k = 2 - rows % 2; k < rows; k += 2) {
        const uint8_t *RESTRICT next = row + (ptrdiff_t)k * row_bytes;
        for (int i = 0; i < values; i++) sums[i] = (uint16_t)(sums[i] + next[i] + next[i + row_bytes]);
    }
}

/* The picture's rows that make row y of the frame, weighted: all but the first and the last weigh the same. */
static void go_down(const struct plan *plan, const struct picture *picture, int y, uint16_t *RESTRICT between,
                    float *RESTRICT sums) {
    const float *weight = plan->data + COLUMNS * plan->most_x + y * plan->most_y;
    const uint8_t *RESTRICT first = picture->data + (ptrdiff_t)plan->first_y[y] * picture->row_bytes;
    const int count = plan->count_y[y], values = picture->width * picture->channels;
    const uint8_t *RESTRICT last = first + (ptrdiff_t)(count - 1) * picture->row_bytes;
    const float begin = weight[0], middle = weight[1], end = weight[count - 1];
    if (count == 1) {
        for (int i = 0; i < values; i++) sums[i] = begin * (float)first[i];
    } else if (count == 2) {
        for (int i = 0; i < values; i++) sums[i] = begin * (float)first[i] + end * (float)last[i];
    } else {
        add_rows(first + picture->row_bytes, picture->row_bytes, count - 2, values, between);
        for (int i = 0; i < values; i++) {
            sums[i] = begin * (float)first[i] + middle * (float)between[i] + end * (float)last[i];
        }
    }
}

/* Along it, for the frame's row. */
static void go_across(struct plan *plan, const float *sums, int channels) {
    const float *weight = plan->data;
    float *value = plan->value;
    for (int x = 0; x < COLUMNS; x++, weight += plan->most_x, value += channels) {
        const float *from = sums + plan->first_x[x] * channels;
        if (channels == 1) {
            float sum = 0.0f;
            for (int i = 0; i < plan->most_x; i++) sum += weight[i] * from[i];
            value[0] = sum;
        } else {
#if defined(__SSE2__) || defined(__ARM_NEON)
            /* The fourth value belongs to the next pixel, whose own then takes its place. */
            lanes sum = {0.0f};
            for (int i = 0; i < plan->most_x; i++, from += 3) sum += weight[i] * *(const lanes *)from;
            *(lanes *)value = sum;
#else
            float red = 0.0f, green = 0.0f, blue = 0.0f;
            for (int i = 0; i < plan->most_x; i++, from += 3) {
                red += weight[i] * from[0];
                green += weight[i] * from[1];
                blue += weight[i] * from[2];
            }
            value[0] = red;
            value[1] = green;
            value[2] = blue;
#endif
        }
    }
}

/* To the nearest whole number, of two the even one. */
LNN_INLINE float whole(float x) { return x + 12582912.0f - 12582912.0f; }

LNN_INLINE int is_doubtful(float x, float near) {
    const float rest = x - whole(x);
    return (rest > near) | (rest < -near);
}

static void fit_weighted(struct plan *plan, const struct picture *picture, uint8_t *frame) {
    const int values = COLUMNS * picture->channels;
    float *sums = plan->data + COLUMNS * plan->most_x + ROWS * plan->most_y;
    uint16_t *between = (void *)(sums + picture->width * picture->channels + 1);
    /* Beyond what the rounding of all sums, here and there, can come to; each of their terms is at most 255. */
    const float near = 0.5f - (float)(plan->most_x + plan->most_y + 4) * (255.0f / 8388608.0f);
    for (int y = 0; y < ROWS; y++, frame += values) {
        go_down(plan, picture, y, between, sums);
        go_across(plan, sums, picture->channels);
        for (int i = 0; i < values; i++) frame[i] = (uint8_t)(int32_t)whole(plan->value[i]);
        for (int begin = 0; begin < values; begin += 48) {
            const int end = begin + 48 < values ? begin + 48 : values;
            int doubtful = 0;
            for (int i = begin; i < end; i++) doubtful |= is_doubtful(plan->value[i], near);
            for (int i = begin; doubtful && i < end; i++) {
                if (is_doubtful(plan->value[i], near)) {
                    const float exact = in_order(plan, picture, y, i / picture->channels, i % picture->channels);
                    frame[i] = (uint8_t)(int32_t)whole(exact);
                }
            }
        }
    }
}

/* Where each pixel of the frame is made of whole pixels: their sums are whole numbers, also as floats. */
static void fit_whole(struct plan *plan, const struct picture *picture, uint8_t *frame) {
    const int down = picture->height / ROWS, values = COLUMNS * picture->channels;
    float *sums = plan->data + COLUMNS * plan->most_x + ROWS * plan->most_y;
    uint16_t *between = (void *)(sums + picture->width * picture->channels + 1);
    const float part = 1.0f / (float)(down * plan->most_x);
    for (int y = 0; y < ROWS; y++, frame += values) {
        const uint8_t *row = picture->data + (ptrdiff_t)(y * down) * picture->row_bytes;
        add_rows(row, picture->row_bytes, down, picture->width * picture->channels, between);
        for (int i = 0; i < picture->width * picture->channels; i++) sums[i] = (float)between[i];
        go_across(plan, sums, picture->channels);
        /* OpenCV rounds halves to the even number, but up where four pixels become one. */
        if (down == 2 && plan->most_x == 2) {
            for (int i = 0; i < values; i++) frame[i] = (uint8_t)(int32_t)(plan->value[i] * 0.25f + 0.5f);
        } else {
            for (int i = 0; i < values; i++) frame[i] = (uint8_t)(int32_t)whole(plan->value[i] * part);
        }
    }
}

/* In place, from what the picture has to red, green, blue. */
static void colour(uint8_t *frame, enum policy_picture kind) {
    if (kind == POLICY_BGR8) {
        for (int i = 0; i < ROWS * COLUMNS; i++, frame += 3) {
            const uint8_t blue = frame[0];
            frame[0] = frame[2];
            frame[2] = blue;
        }
    } else if (kind == POLICY_MONO8) {
        for (int i = ROWS * COLUMNS - 1; i >= 0; i--) frame[3 * i] = frame[3 * i + 1] = frame[3 * i + 2] = frame[i];
    }
}

/* Rows to cut off: a share of the height, to the nearest whole number, of two the even one. */
static int rows_of(int height, float share) {
    const float rows = (float)height * share;
    const int whole_rows = (int)rows;
    const float rest = rows - (float)whole_rows;
    return whole_rows + (rest > 0.5f || (rest == 0.5f && whole_rows % 2));
}

int policy_fit(const uint8_t *data, int height, int width, int row_bytes, enum policy_picture kind,
               uint8_t frame[POLICY_HEIGHT * POLICY_WIDTH * 3], void *scratch) {
    struct plan *plan = scratch;
    struct picture picture = {data, height, width, row_bytes, kind == POLICY_MONO8 ? 1 : 3};
    int top;
    if (height < ROWS || height > 65535 || width < COLUMNS || width > 65535) return 1;
    top = rows_of(height, CROP_TOP);
    picture.data += (ptrdiff_t)top * row_bytes;
    picture.height -= top + rows_of(height, CROP_BOTTOM);
    if (picture.height < ROWS || picture.height / ROWS > MOST_DOWN) return 1;
    if (plan->height != picture.height || plan->width != width) make_plan(plan, picture.height, width);
    if (all_whole(picture.height, width)) fit_whole(plan, &picture, frame);
    else fit_weighted(plan, &picture, frame);
    colour(frame, kind);
    return 0;
}
