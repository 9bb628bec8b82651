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
 * and ceiling, frozen camera, IMU that is late, learning while driving, a watchdog on its own clock.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

$sizes

/* Bytes that policy_encode works in; 0: there is no encoder here. */
#ifdef LNN_FUSED
#define POLICY_SCRATCH $fused_scratch
#else
#define POLICY_SCRATCH $scratch
#endif
#if POLICY_ATTENTION
/* Bytes that policy_encode_with_attention works in besides. */
#define POLICY_ATTENTION_SCRATCH $attention_scratch
#endif

enum policy_reason {
    POLICY_GOOD = 0,
    POLICY_REASON_TIME = 1,     /* dt_s is not above 0, or not finite */
    POLICY_REASON_FEATURES = 2, /* a feature is not finite */
    POLICY_REASON_IMU = 3,      /* the IMU is missing, or a number of it is not finite or more than any IMU measures */
    POLICY_REASON_STATE = 4,    /* a number of the state is not finite */
    POLICY_REASON_COMMAND = 5,  /* what came out is not finite */
    POLICY_REASON_IMAGE = 6     /* the newest frame is too old: policy_limit alone */
};

#if POLICY_SCRATCH > 0
/*
 * A frame's features.
 *
 * rgb       POLICY_HEIGHT rows of POLICY_WIDTH pixels of red, green and blue, top left first
 * features  out
 * scratch   POLICY_SCRATCH bytes, aligned as a float is; what is in them before and after does not matter
 */
void policy_encode(const uint8_t *rgb, float features[POLICY_FEATURES], void *scratch);
#if POLICY_ATTENTION

/*
 * The same features, to the bit, and what of the frame the convolutions answer to, by VisualBackProp. It shows what the encoder
 * sees, not what the command hangs on.
 *
 * rgb, features, scratch  as policy_encode takes them
 * attention               out: POLICY_HEIGHT rows of POLICY_WIDTH pixels, 0 ... 255; the frame's largest is 255, unless nothing answers
 * attention_scratch       POLICY_ATTENTION_SCRATCH bytes, aligned as a float is; what is in them does not matter
 */
void policy_encode_with_attention(
    const uint8_t *rgb, float features[POLICY_FEATURES], uint8_t attention[POLICY_HEIGHT * POLICY_WIDTH],
    void *scratch, void *attention_scratch);
#endif

enum policy_picture { POLICY_RGB8, POLICY_BGR8, POLICY_MONO8 };

/* Bytes that policy_fit works in, for pictures of this size or smaller. */
#define POLICY_FIT_SCRATCH(height, width) (4 * (6 * (width) + (height) + 6 * POLICY_WIDTH + 4 * POLICY_HEIGHT + 8))

/*
 * A camera's picture into a frame: rows are cut off as in training, the rest is averaged by area as OpenCV does.
 *
 * height, width  of the picture, pixels
 * row_bytes      from one row of it to the next
 * kind           what a pixel is: three bytes or one
 * frame          out: rgb, as policy_encode takes it
 * scratch        POLICY_FIT_SCRATCH(height, width) bytes, aligned as a float is; zeros before the first call, then left as
 *                they are: what depends on the picture's size alone is computed once
 *
 * Returns 0, or 1 where the picture has fewer rows (after the crop that the policy was trained with) or columns than the
 * frame, or more than 257 times as many rows; then nothing is written.
 */
int policy_fit(
    const uint8_t *picture, int height, int width, int row_bytes, enum policy_picture kind,
    uint8_t frame[POLICY_HEIGHT * POLICY_WIDTH * 3], void *scratch);
#endif

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

#ifdef __cplusplus
}
#endif

#endif
