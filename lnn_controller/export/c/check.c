/*
 * Does this build compute what ONNX Runtime computes? The same file for a host, an emulator and a board.
 *
 * On a host it is a program of its own. A freestanding one gives check_write, calls check, and takes its result for the exit status.
 */
#include "policy.h"
#include "vectors.h"

void check_write(const char *text);
int check(void);

static uint32_t bits = 2166136261u; /* FNV-1a of all that came out */
static int failures;

static void note_bits(const float *values, int count) {
    for (int i = 0; i < count; i++) {
        union {
            float f;
            uint32_t u;
        } value;
        value.f = values[i];
        for (int byte = 0; byte < 32; byte += 8) bits = (bits ^ (value.u >> byte & 255u)) * 16777619u;
    }
}

static void write_number(uint32_t value, uint32_t base) {
    char text[12];
    char *at = text + sizeof text - 1;
    *at = 0;
    do *--at = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    check_write(at);
}

/* Differences are counted in billionths: to write them takes whole numbers alone. */
static void judge(const char *what, float difference, float most) {
    int good = difference <= most;
    check_write(what);
    check_write(": largest difference ");
    write_number(difference < 4.0f ? (uint32_t)(difference * 1e9f) : 4000000000u, 10);
    check_write("e-9, at most ");
    write_number((uint32_t)(most * 1e9f), 10);
    check_write(good ? "e-9\n" : "e-9: TOO MUCH\n");
    failures += !good;
}

static float larger(float most, float a, float b) {
    float difference = a < b ? b - a : a - b;
    return most != most || difference <= most ? most : difference; /* NaN is the largest */
}

static void check_steps(void) {
    float state[POLICY_STATE], command[POLICY_OUTPUTS], tau[POLICY_UNITS], most = 0.0f, most_tau = 0.0f;
    int steps = 0;
    policy_reset(state);
    for (; steps < CHECK_STEPS; steps++) {
        const float *input = CHECK_INPUT[steps], *wanted = CHECK_COMMAND[steps];
        int reason = policy_step(
            state, input + 1, POLICY_IMU ? input + 1 + POLICY_FEATURES : 0, input[0], command, POLICY_HAS_TAU ? tau : 0);
        failures += reason != POLICY_GOOD;
        for (int c = 0; c < POLICY_OUTPUTS; c++) most = larger(most, command[c], wanted[c]);
        note_bits(command, POLICY_OUTPUTS);
        note_bits(state, POLICY_STATE);
    }
    judge("commands", most, CHECK_COMMAND_TOLERANCE);
#if POLICY_HAS_TAU
    for (int n = 0; n < POLICY_UNITS; n++) most_tau = larger(most_tau, tau[n] / CHECK_TAU[n], 1.0f);
    note_bits(tau, POLICY_UNITS);
    judge("time constants, as a share", most_tau, CHECK_TAU_TOLERANCE);
#else
    (void)most_tau, (void)tau;
#endif
}

static int is_stopped(int reason, int wanted, const float *state, const float *command) {
    int good = reason == wanted;
    for (int i = 0; i < POLICY_STATE; i++) good = good && state[i] == 0.0f;
    for (int c = 0; c < POLICY_OUTPUTS; c++) good = good && command[c] == 0.0f;
    return good;
}

/* What is not finite ends in zeros, a state of zeros, and a reason. */
static void check_stops(void) {
    const float infinite = 3e38f * (1.0f + CHECK_INPUT[0][0] * 1e9f), not_a_number = infinite - infinite;
    float state[POLICY_STATE], command[POLICY_OUTPUTS], input[POLICY_FEATURES + 7];
    int good = 1;
    for (int which = 0; which < 1 + POLICY_FEATURES + POLICY_IMU + POLICY_STATE; which++) {
        int reason, wanted = POLICY_REASON_STATE;
        for (int i = 0; i < POLICY_STATE; i++) state[i] = 0.1f;
        for (int i = 0; i < 1 + POLICY_FEATURES + POLICY_IMU; i++) input[i] = CHECK_INPUT[0][i];
        if (which <= POLICY_FEATURES + POLICY_IMU) {
            input[which] = which % 2 ? not_a_number : infinite;
            wanted = which > POLICY_FEATURES ? POLICY_REASON_IMU : which ? POLICY_REASON_FEATURES : POLICY_REASON_TIME;
        } else {
            state[which - 1 - POLICY_FEATURES - POLICY_IMU] = which % 2 ? not_a_number : -infinite;
        }
        reason = policy_step(state, input + 1, POLICY_IMU ? input + 1 + POLICY_FEATURES : 0, input[0], command, 0);
        good = good && is_stopped(reason, wanted, state, command);
    }
    check_write(good ? "stops: good\n" : "stops: WRONG\n");
    failures += !good;
}

#if defined POLICY_SCRATCH && POLICY_SCRATCH > 0
static void check_frames(void) {
    static uint8_t frame[POLICY_HEIGHT * POLICY_WIDTH * 3];
    static uint8_t room[POLICY_SCRATCH + 15];
    void *scratch = (void *)(((uintptr_t)room + 15) & ~(uintptr_t)15);
    float features[POLICY_FEATURES], most = 0.0f;
#if POLICY_ATTENTION
    static uint8_t attention[POLICY_HEIGHT * POLICY_WIDTH];
    static float attention_scratch[POLICY_ATTENTION_SCRATCH / 4];
    float again[POLICY_FEATURES], most_attention = 0.0f;
#endif
    for (uint32_t k = 0; k < CHECK_FRAMES; k++) {
        /* Stripes and noise, as the features were made of: vectors.py. */
        for (uint32_t i = 0; i < sizeof frame; i++) {
            uint32_t x = i / 3 % POLICY_WIDTH, y = i / 3 / POLICY_WIDTH, h = (i + k * sizeof frame) * 2654435761u;
            h = (h ^ h >> 15) * 2246822519u;
            frame[i] = (uint8_t)((((x + 2 * y) * (k + 1) & 64) * 2) + (h >> 25));
        }
        policy_encode(frame, features, scratch);
        for (int f = 0; f < POLICY_FEATURES; f++) most = larger(most, features[f], CHECK_FRAME_FEATURES[k][f]);
        note_bits(features, POLICY_FEATURES);
#if POLICY_ATTENTION
        policy_encode_with_attention(frame, again, attention, scratch, attention_scratch);
        for (int f = 0; f < POLICY_FEATURES; f++) failures += again[f] != features[f];
        for (uint32_t i = 0; i < sizeof attention; i++) {
            float shade = attention[i] / 255.0f;
            most_attention = larger(most_attention, shade, CHECK_FRAME_ATTENTION[k * sizeof attention + i] / 255.0f);
            note_bits(&shade, 1);
        }
#endif
    }
    judge("features", most, CHECK_FEATURES_TOLERANCE);
#if POLICY_ATTENTION
    judge("attention", most_attention, CHECK_ATTENTION_TOLERANCE);
#endif
}
#endif

int check(void) {
    check_steps();
    check_stops();
#if defined POLICY_SCRATCH && POLICY_SCRATCH > 0
    check_frames();
#endif
    check_write("bits: ");
    write_number(bits, 16);
    check_write(failures ? "\nFAILED\n" : "\ngood\n");
    return failures != 0;
}

#if __STDC_HOSTED__
#include <stdio.h>

void check_write(const char *text) {
    fputs(text, stdout);
}

int main(void) {
    return check();
}
#endif
