/*
 * $title
 *
 * Made by lnn export from weights with SHA-256 $digest.
 *
 * The caller owns every buffer; nothing here allocates, keeps anything between two calls, or needs a library. Two threads, or two
 * robots, may use it at once with a state each. A step after the other:
 *
 *     static float state[POLICY_STATE], features[POLICY_FEATURES], ramp[POLICY_OUTPUTS], command[POLICY_OUTPUTS];
 *     policy_reset(state);
 *     for (;;) {
 *         (when the camera has a new frame) policy_encode(frame, features, scratch);
 *         reason = policy_step(state, features, imu, dt_s, command, 0);
 *         reason = policy_limit(&limits, reason, frame_age_s, dt_s, state, ramp, command);
 *         (send command; it is zeros where reason is not POLICY_GOOD)
 *     }
 *
 * What the controller of lnn_controller does besides and this does not: emergency stop, operator's override, obstacle guard, floor
 * and ceiling, frozen camera, IMU that is late or measures what none can, learning while driving, a watchdog on its own clock.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdint.h>

$sizes

enum policy_reason {
    POLICY_GOOD = 0,
    POLICY_REASON_TIME = 1,     /* dt_s is not above 0, or not finite */
    POLICY_REASON_FEATURES = 2, /* a feature is not finite */
    POLICY_REASON_IMU = 3,      /* the IMU is missing, or a number of it is not finite */
    POLICY_REASON_STATE = 4,    /* a number of the state is not finite */
    POLICY_REASON_COMMAND = 5,  /* what came out is not finite */
    POLICY_REASON_IMAGE = 6     /* the newest frame is too old: policy_limit alone */
};

/* Begin a drive: state becomes zeros. */
void policy_reset(float state[POLICY_STATE]);

/*
 * One control tick.
 *
 * state      in and out; the first POLICY_UNITS of it are the neurons
 * features   of the newest frame
 * imu        $imu
 * dt_s       time since the last step, s; held to POLICY_DT_MIN_S ... POLICY_DT_MAX_S, where the policy was trained
 * command    out: $channels
 * tau        out: time constant of each neuron, s, POLICY_UNITS of them, or NULL$tau
 *
 * Returns POLICY_GOOD with each command within its range; else a reason, with commands of zero and the state reset.
 */
int policy_step(
    float state[POLICY_STATE], const float features[POLICY_FEATURES], const float *imu, float dt_s,
    float command[POLICY_OUTPUTS], float *tau);

/*
 * What is inside policy_step: the network alone, any dt_s above 0, commands without ranges. Where it returns a reason, state and
 * command are worth nothing.
 */
int policy_advance(
    float state[POLICY_STATE], const float features[POLICY_FEATURES], const float *imu, float dt_s,
    float command[POLICY_OUTPUTS], float *tau);

struct policy_limits {
    float max_acceleration[POLICY_OUTPUTS]; /* largest change per second away from zero; 0: no limit */
    float max_deceleration[POLICY_OUTPUTS]; /* the same towards zero; 0: as max_acceleration */
    float image_timeout_s;                  /* beyond this age of the newest frame the robot stops, s */
};

/*
 * What to send of a step's command.
 *
 * reason       of policy_step
 * frame_age_s  since the newest frame was taken, s
 * dt_s         since the last command, s
 * state        as policy_step; reset at a stop
 * ramp         in and out: the last command that was sent; zeros at standstill
 * command      in and out
 *
 * Returns reason, or POLICY_REASON_IMAGE or POLICY_REASON_TIME. If that is not POLICY_GOOD, the commands are zeros at once, past
 * the accelerations, and the state is reset.
 */
int policy_limit(
    const struct policy_limits *limits, int reason, float frame_age_s, float dt_s, float state[POLICY_STATE],
    float ramp[POLICY_OUTPUTS], float command[POLICY_OUTPUTS]);

#endif
