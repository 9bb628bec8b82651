/* A step with what surrounds the network: ranges, reasons to stop, accelerations. */
#include "policy.h"

#include "lnn_math.h"

static const float MINIMUM[POLICY_OUTPUTS] = POLICY_MINIMUM;
static const float MAXIMUM[POLICY_OUTPUTS] = POLICY_MAXIMUM;

void policy_reset(float state[POLICY_STATE]) {
    for (int i = 0; i < POLICY_STATE; i++) state[i] = 0.0f;
}

#if POLICY_IMU
static int is_plausible(const float *imu) {
    int good = 1;
    for (int i = 0; i < 3; i++) {
        good = good && imu[i] >= -POLICY_MAX_GYRO && imu[i] <= POLICY_MAX_GYRO;
        good = good && imu[3 + i] >= -POLICY_MAX_ACCEL && imu[3 + i] <= POLICY_MAX_ACCEL;
    }
    return good;
}
#endif

LNN_INLINE float hold(float value, float low, float high) {
    return value < low ? low : value > high ? high : value;
}

int policy_step(
    float state[POLICY_STATE], const float features[POLICY_FEATURES], const float *imu, float dt_s,
    float command[POLICY_OUTPUTS], float *tau) {
    int reason = dt_s > 0.0f && dt_s - dt_s == 0.0f ? POLICY_GOOD : POLICY_REASON_TIME;
#if POLICY_IMU
    if (reason == POLICY_GOOD && imu && !is_plausible(imu)) reason = POLICY_REASON_IMU;
#endif
    if (reason == POLICY_GOOD) {
        dt_s = hold(dt_s, POLICY_DT_MIN_S, POLICY_DT_MAX_S);
        reason = policy_advance(state, features, imu, dt_s, command, tau);
    }
    if (reason != POLICY_GOOD) policy_reset(state);
    for (int c = 0; c < POLICY_OUTPUTS; c++) {
        command[c] = reason == POLICY_GOOD ? hold(command[c], MINIMUM[c], MAXIMUM[c]) : 0.0f;
    }
    return reason;
}

/* From a command of before >= 0 towards value, as far as the accelerations allow within dt_s. */
static float ramped(float value, float before, float dt_s, float acceleration, float deceleration) {
    float reached, left_s;
    if (!(acceleration > 0.0f)) acceleration = FLT_MAX;
    if (!(deceleration > 0.0f)) deceleration = acceleration;
    if (value >= before) {
        reached = before + acceleration * dt_s;
        return value < reached ? value : reached;
    }
    reached = before - deceleration * dt_s;
    if (value >= 0.0f || reached > 0.0f) return value > reached ? value : reached;
    /* Through zero: what is left of the time accelerates the other way. */
    left_s = dt_s - before / deceleration;
    reached = left_s > 0.0f ? -acceleration * left_s : 0.0f;
    return value > reached ? value : reached;
}

int policy_limit(
    const struct policy_limits *limits, int reason, float frame_age_s, float dt_s, float state[POLICY_STATE],
    float ramp[POLICY_OUTPUTS], float command[POLICY_OUTPUTS]) {
    /* Not-a-number fails each of these. */
    if (reason == POLICY_GOOD && !(frame_age_s <= limits->image_timeout_s)) reason = POLICY_REASON_IMAGE;
    if (reason == POLICY_GOOD && !(dt_s > 0.0f && dt_s - dt_s == 0.0f)) reason = POLICY_REASON_TIME;
    if (reason != POLICY_GOOD) policy_reset(state);
    for (int c = 0; c < POLICY_OUTPUTS; c++) {
        float before = hold(ramp[c], MINIMUM[c], MAXIMUM[c]), value = hold(command[c], MINIMUM[c], MAXIMUM[c]);
        /* Mirrored, so that the robot moves forwards or stands. */
        float sign = before < 0.0f || (before == 0.0f && value < 0.0f) ? -1.0f : 1.0f;
        value = sign * ramped(sign * value, sign * before, dt_s, limits->max_acceleration[c], limits->max_deceleration[c]);
        ramp[c] = command[c] = reason == POLICY_GOOD ? value : 0.0f;
    }
    return reason;
}
