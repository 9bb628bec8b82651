/*
 * The firmware of the emulated board: the recorded vectors, as on the host, and what each call costs in instructions
 * and bytes of stack. Which numbers go into those calls hardly matters.
 */
#include "policy.h"
#include "mps2.h"

#include <stddef.h>

int check(void); /* check.c */

static float state[POLICY_STATE], features[POLICY_FEATURES], command[POLICY_OUTPUTS];
static float imu[6] = {0.1f, -0.2f, 0.3f, 0.5f, -0.6f, 9.8f};

static void step(void) {
    policy_step(state, features, imu, 0.02f, command, NULL);
}

#if POLICY_HAS_TAU
static float tau[POLICY_UNITS];

static void step_with_time_constants(void) {
    policy_step(state, features, imu, 0.02f, command, tau);
}
#endif

#if POLICY_SCRATCH > 0
enum { PICTURE_HEIGHT = 240, PICTURE_WIDTH = 320 }; /* QVGA */

static uint8_t frame[POLICY_HEIGHT * POLICY_WIDTH * 3], picture[PICTURE_HEIGHT * PICTURE_WIDTH * 3];
static float scratch[POLICY_SCRATCH / 4], fit_scratch[POLICY_FIT_SCRATCH(PICTURE_HEIGHT, PICTURE_WIDTH) / 4];

static void encode(void) {
    policy_encode(frame, features, scratch);
}

#if POLICY_ATTENTION
static uint8_t attention[POLICY_HEIGHT * POLICY_WIDTH];
static float attention_scratch[POLICY_ATTENTION_SCRATCH / 4];

static void encode_with_attention(void) {
    policy_encode_with_attention(frame, features, attention, scratch, attention_scratch);
}

#endif
static void fit(void) {
    policy_fit(picture, PICTURE_HEIGHT, PICTURE_WIDTH, 3 * PICTURE_WIDTH, POLICY_RGB8, frame, fit_scratch);
}

static void fill_picture(void) {
    uint32_t noise = 1;
    for (uint32_t i = 0; i < sizeof picture; i++) {
        noise = noise * 1664525u + 1013904223u; /* Knuth, The Art of Computer Programming 2, 3.3.4 */
        picture[i] = (uint8_t)(noise >> 24);
    }
}
#endif

static void print_number(uint32_t number) {
    char text[12];
    char *digit = text + sizeof text - 1;
    *digit = '\0';
    do {
        *--digit = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    check_write(digit);
}

static void report(const char *name, void (*call)(void)) {
    const mps2_cost cost = mps2_measure(call);
    check_write(name);
    check_write(": ");
    print_number(cost.instructions);
    check_write(" instructions, ");
    print_number(cost.stack);
    check_write(" bytes of stack\n");
}

int main(void) {
    const int failed = check();
    for (int i = 0; i < POLICY_FEATURES; i++) {
        features[i] = 0.05f * (float)(i % 17 - 8);
    }
    policy_reset(state);
    report("step", step);
#if POLICY_HAS_TAU
    report("step_with_time_constants", step_with_time_constants);
#endif
#if POLICY_SCRATCH > 0
    fill_picture();
    fit(); /* what depends on the picture's size alone is computed once */
    report("fit", fit);
    report("encode", encode);
#if POLICY_ATTENTION
    report("encode_with_attention", encode_with_attention);
#endif
#endif
    return failed;
}
