/*
 * The policy as a node of micro-ROS: a camera's features come in over `features` (std_msgs/Float32MultiArray, from the
 * computer that runs the encoder, or from a second board), the command goes out over `cmd_vel` (TwistStamped).
 *
 * It uses rcl alone, which micro-ROS shares with every ROS 2, so that the same file also runs on a computer. Call
 * policy_run from the task or loop that your micro-ROS set-up gives you, after its transport has been set.
 *
 * The stop that it has: no features for 0.2 s, or numbers that are not finite, and it sends zeros. The obstacle guard
 * and the emergency stop of controller_node are NOT here: the base has to stop by itself when commands fail to come.
 */
#include "policy.h"

#include <geometry_msgs/msg/twist_stamped.h>
#include <rcl/rcl.h>
#include <rosidl_runtime_c/primitives_sequence_functions.h>
#include <rosidl_runtime_c/string_functions.h>
#include <std_msgs/msg/float32_multi_array.h>

/* What your board gives. Time since the epoch, in ns, never running backwards: rmw_uros_epoch_nanos() once the session is
 * synchronised. IMU in the robot's axes: gyro in rad/s, then accelerometer in m/s². */
int64_t board_time_ns(void);
void board_read_imu(float imu[6]);

#define PERIOD_NS INT64_C(20000000) /* 50 Hz */

#define RETURN_IF_FAILED(call)            \
    do {                                  \
        const rcl_ret_t failure = (call); \
        if (failure != RCL_RET_OK) {      \
            return failure;               \
        }                                 \
    } while (0)

static rcl_context_t context;
static rcl_node_t node;
static rcl_subscription_t subscription;
static rcl_publisher_t publisher;
static rcl_wait_set_t wait_set;
static std_msgs__msg__Float32MultiArray received;
static geometry_msgs__msg__TwistStamped twist;

static float state[POLICY_STATE], features[POLICY_FEATURES], sent[POLICY_OUTPUTS];
static int64_t features_at_ns, ticked_at_ns;

static rcl_ret_t set_up(void) {
    rcl_allocator_t allocator = rcl_get_default_allocator();
    rcl_init_options_t options = rcl_get_zero_initialized_init_options();
    RETURN_IF_FAILED(rcl_init_options_init(&options, allocator));
    context = rcl_get_zero_initialized_context();
    RETURN_IF_FAILED(rcl_init(0, NULL, &options, &context));

    node = rcl_get_zero_initialized_node();
    rcl_node_options_t node_options = rcl_node_get_default_options();
    RETURN_IF_FAILED(rcl_node_init(&node, "policy", "", &context, &node_options));

    subscription = rcl_get_zero_initialized_subscription();
    rcl_subscription_options_t newest = rcl_subscription_get_default_options();
    newest.qos = rmw_qos_profile_sensor_data;
    newest.qos.depth = 1;
    RETURN_IF_FAILED(rcl_subscription_init(
        &subscription, &node, ROSIDL_GET_MSG_TYPE_SUPPORT(std_msgs, msg, Float32MultiArray), "features", &newest));

    publisher = rcl_get_zero_initialized_publisher();
    rcl_publisher_options_t reliable = rcl_publisher_get_default_options();
    reliable.qos.depth = 1;
    RETURN_IF_FAILED(rcl_publisher_init(
        &publisher, &node, ROSIDL_GET_MSG_TYPE_SUPPORT(geometry_msgs, msg, TwistStamped), "cmd_vel", &reliable));

    wait_set = rcl_get_zero_initialized_wait_set();
    RETURN_IF_FAILED(rcl_wait_set_init(&wait_set, 1, 0, 0, 0, 0, 0, &context, allocator));

    /* micro-ROS reads a message into the memory that is there. */
    if (!std_msgs__msg__Float32MultiArray__init(&received) || !geometry_msgs__msg__TwistStamped__init(&twist) ||
        !rosidl_runtime_c__float__Sequence__init(&received.data, POLICY_FEATURES) ||
        !rosidl_runtime_c__String__assign(&twist.header.frame_id, "base_link")) {
        return RCL_RET_BAD_ALLOC;
    }
    return RCL_RET_OK;
}

/* Take what arrives until a time; a message of another length is left out. */
static rcl_ret_t receive(int64_t until_ns) {
    for (int64_t left_ns; (left_ns = until_ns - board_time_ns()) > 0;) {
        RETURN_IF_FAILED(rcl_wait_set_clear(&wait_set));
        RETURN_IF_FAILED(rcl_wait_set_add_subscription(&wait_set, &subscription, NULL));
        const rcl_ret_t waited = rcl_wait(&wait_set, left_ns);
        if (waited == RCL_RET_TIMEOUT) {
            break;
        }
        RETURN_IF_FAILED(waited);
        if (rcl_take(&subscription, &received, NULL, NULL) == RCL_RET_OK && received.data.size == POLICY_FEATURES) {
            for (size_t i = 0; i < POLICY_FEATURES; i++) {
                features[i] = received.data.data[i];
            }
            features_at_ns = board_time_ns();
        }
    }
    return RCL_RET_OK;
}

static rcl_ret_t tick(int64_t now_ns) {
    static const struct policy_limits limits = {.image_timeout_s = 0.2f}; /* and no limit of acceleration */
    const float dt_s = 1e-9f * (float)(now_ns - ticked_at_ns), age_s = 1e-9f * (float)(now_ns - features_at_ns);
    float imu[6], command[POLICY_OUTPUTS];
    ticked_at_ns = now_ns;
    board_read_imu(imu);
    const int reason = policy_step(state, features, imu, dt_s, command, NULL);
    policy_limit(&limits, reason, age_s, dt_s, state, sent, command);
#ifdef POLICY_LINEAR_X
    twist.twist.linear.x = command[POLICY_LINEAR_X];
#endif
#ifdef POLICY_LINEAR_Y
    twist.twist.linear.y = command[POLICY_LINEAR_Y];
#endif
#ifdef POLICY_LINEAR_Z
    twist.twist.linear.z = command[POLICY_LINEAR_Z];
#endif
#ifdef POLICY_ANGULAR_Z
    twist.twist.angular.z = command[POLICY_ANGULAR_Z];
#endif
    twist.header.stamp.sec = (int32_t)(now_ns / 1000000000);
    twist.header.stamp.nanosec = (uint32_t)(now_ns % 1000000000);
    return rcl_publish(&publisher, &twist, NULL);
}

/* Returns only where ROS fails, as when the agent cannot be reached: try again, or start anew. */
rcl_ret_t policy_run(void) {
    RETURN_IF_FAILED(set_up());
    policy_reset(state);
    ticked_at_ns = board_time_ns();
    features_at_ns = ticked_at_ns - INT64_C(1000000000); /* none yet: too old */
    for (int64_t due_ns = ticked_at_ns + PERIOD_NS;; due_ns += PERIOD_NS) {
        RETURN_IF_FAILED(receive(due_ns));
        const int64_t now_ns = board_time_ns();
        RETURN_IF_FAILED(tick(now_ns));
        if (now_ns - due_ns > PERIOD_NS) { /* late by more than a tick: no burst to catch up */
            due_ns = now_ns;
        }
    }
}
