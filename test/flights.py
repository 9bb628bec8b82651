"""Flights of one drone, recorded as MAVROS, PX4's DDS bridge and Crazyswarm2 do; and what was flown, to compare."""

import numpy as np
from foreign_bags import foreign_types, write_foreign

from lnn_controller.data.messages.build import (
    image_message,
    imu_message,
    odometry_message,
    serialize,
    twist_message,
    twist_stamped_message,
    typestore,
)

START_NS, RATE_HZ, SECONDS = 10**18, 50, 12
CHANNELS = ('linear_x', 'linear_y', 'linear_z', 'angular_z')
POSITION_TARGET, HOVER = 'mavros_msgs/msg/PositionTarget', 'crazyflie_interfaces/msg/Hover'
VEHICLE_ODOMETRY, TRAJECTORY_SETPOINT = 'px4_msgs/msg/VehicleOdometry', 'px4_msgs/msg/TrajectorySetpoint'
SENSOR_COMBINED = 'px4_msgs/msg/SensorCombined'


def fields(text):
    """A definition of fields, from `type: name name` parts."""
    parts = (part.split(':') for part in text.split(';'))
    return ''.join(f'{kind.strip()} {name}\n' for kind, names in parts for name in names.split())


STORE = foreign_types(
    {
        POSITION_TARGET: fields(
            'std_msgs/Header: header; uint8: coordinate_frame; uint16: type_mask; geometry_msgs/Point: position;'
            'geometry_msgs/Vector3: velocity acceleration_or_force; float32: yaw yaw_rate'
        ),
        HOVER: fields('std_msgs/Header: header; float32: vx vy yaw_rate z_distance'),
        VEHICLE_ODOMETRY: fields(
            'uint64: timestamp timestamp_sample; uint8: pose_frame; float32[3]: position; float32[4]: q;'
            'uint8: velocity_frame; float32[3]: velocity angular_velocity position_variance orientation_variance '
            'velocity_variance; uint8: reset_counter; int8: quality'
        ),
        TRAJECTORY_SETPOINT: fields(
            'uint64: timestamp; float32[3]: position velocity acceleration jerk; float32: yaw yawspeed'
        ),
        SENSOR_COMBINED: fields(
            'uint64: timestamp; float32[3]: gyro_rad; uint32: gyro_integral_dt; '
            'int32: accelerometer_timestamp_relative; float32[3]: accelerometer_m_s2; '
            'uint32: accelerometer_integral_dt; uint8: accelerometer_clipping gyro_clipping accel_calibration_count '
            'gyro_calibration_count'
        ),
    }
)


def about(axis, angle):
    """The matrix that turns about an axis, x, y or z."""
    cos, sin = np.cos(angle), np.sin(angle)
    i, j = {'x': (1, 2), 'y': (2, 0), 'z': (0, 1)}[axis]
    turn = np.eye(3)
    turn[[i, j], [i, j]] = cos
    turn[i, j], turn[j, i] = -sin, sin
    return turn


def quaternion(turn):
    """The quaternion x, y, z, w of a matrix, by its eigenvector (Bar-Itzhack)."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = turn
    k = np.array(
        [
            [xx - yy - zz, yx + xy, zx + xz, zy - yz],
            [yx + xy, yy - xx - zz, zy + yz, xz - zx],
            [zx + xz, zy + yz, zz - xx - yy, yx - xy],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    return np.linalg.eigh(k)[1][:, -1]


class Flight:
    """A drone that turns all round while it flies ahead, sideways, up and down, tilted by up to some 20°."""

    def __init__(self, turn_rate=0.6):
        t = self.times = np.arange(0, SECONDS, 1 / RATE_HZ)
        n = len(t)
        self.stamps = START_NS + np.rint(t * 1e9).astype(np.int64)
        self.yaw_rate = turn_rate * (1 + 0.5 * np.sin(0.7 * t))
        self.yaw = 0.4 + np.concatenate([[0], np.cumsum(self.yaw_rate[:-1]) / RATE_HZ])
        self.pitch, self.roll = 0.35 * np.sin(0.9 * t), 0.25 * np.cos(1.3 * t)
        # Ahead, left and up.
        self.velocity = np.stack([1.2 + 0.6 * np.sin(t), 0.5 * np.cos(0.8 * t), 0.3 * np.sin(1.1 * t)], axis=1)
        self.turns = [
            about('z', yaw) @ about('y', pitch) @ about('x', roll)
            for yaw, pitch, roll in zip(self.yaw, self.pitch, self.roll, strict=True)
        ]
        self.world = np.array([about('z', yaw) @ each for yaw, each in zip(self.yaw, self.velocity, strict=True)])
        self.position = np.concatenate([np.zeros((1, 3)), np.cumsum(self.world[:-1], axis=0) / RATE_HZ]) + (0, 0, 2)
        self.body = np.array([turn.T @ each for turn, each in zip(self.turns, self.world, strict=True)])
        # Only what turns the heading; rolling and pitching add to other components alone.
        self.rates = np.array(
            [
                turn.T @ (0, 0, rate) + about('x', roll).T @ (0, pitching, 0) + np.array((rolling, 0, 0))
                for turn, rate, roll, pitching, rolling in zip(
                    self.turns,
                    self.yaw_rate,
                    self.roll,
                    0.35 * 0.9 * np.cos(0.9 * t),
                    -0.25 * 1.3 * np.sin(1.3 * t),
                    strict=True,
                )
            ]
        )
        self.commands = np.concatenate([self.velocity, self.yaw_rate[:, None]], axis=1)
        assert n == SECONDS * RATE_HZ

    def camera(self, topic='/camera/image_raw'):
        rng = np.random.default_rng(0)
        return [
            (topic, stamp, image_message(stamp, rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)))
            for stamp in self.stamps[::3].tolist()
        ]

    def each(self, topic, make, every=1):
        return [(topic, int(self.stamps[i]), make(i, int(self.stamps[i]))) for i in range(0, len(self.stamps), every)]

    def odometry(self, i, stamp, *, linear=None, angular=None, **frames):
        return odometry_message(
            stamp,
            position=self.position[i],
            orientation=quaternion(self.turns[i]),
            linear=self.body[i] if linear is None else linear[i],
            angular=self.rates[i] if angular is None else angular[i],
            **({'frame_id': 'map'} | frames),
        )

    def pose(self, i, stamp):
        odometry = self.odometry(i, stamp)
        return STORE.types['geometry_msgs/msg/PoseStamped'](odometry.header, odometry.pose.pose)

    def imu(self, i, stamp):
        return imu_message(stamp, self.rates[i], self.turns[i].T @ (0, 0, 9.81), frame_id='base_link')

    def mavros(self):
        """What MAVROS publishes by itself, whoever flies."""
        return [
            *self.camera(),
            *self.each('/mavros/imu/data', self.imu),
            *self.each('/mavros/local_position/odom', self.odometry),
            *self.each(
                '/mavros/local_position/velocity_local',
                lambda i, stamp: twist_stamped_message(stamp, linear=self.world[i], frame_id='base_link'),
            ),
            *self.each(
                '/mavros/local_position/velocity_body',
                lambda i, stamp: twist_stamped_message(stamp, linear=self.body[i], angular=self.rates[i]),
            ),
        ]

    def twists(self, velocity, *, frame_id='base_link', delay=0):
        """Setpoints as TwistStamped, so many samples before they are flown."""

        def make(i, stamp):
            at = min(i + delay, len(self.stamps) - 1)
            return twist_stamped_message(
                stamp, linear=velocity[at], angular=(0, 0, self.yaw_rate[at]), frame_id=frame_id
            )

        return self.each('/mavros/setpoint_velocity/cmd_vel', make)

    def position_targets(self, velocity, frame, mask):
        types = STORE.types
        header = twist_stamped_message(0).header

        def vector(values, kind='Vector3'):
            return types[f'geometry_msgs/msg/{kind}'](*map(float, values))

        def make(i, stamp):
            return types[POSITION_TARGET](
                header=type(header)(stamp=twist_stamped_message(stamp).header.stamp, frame_id='map'),
                coordinate_frame=frame,
                type_mask=mask,
                position=vector((7, 8, 9), 'Point'),
                velocity=vector(velocity[i]),
                acceleration_or_force=vector((4, 5, 6)),
                yaw=0.5,
                yaw_rate=float(self.yaw_rate[i]),
            )

        return self.each('/mavros/setpoint_raw/local', make)

    def px4(self, velocity_frame=1, *, setpoints=None):
        """Topics of PX4's DDS bridge: north, east, down, and a body of front, right, down; its own time since start."""
        down = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
        flip = np.diag([1, -1, -1])
        velocity = {1: self.world @ down.T, 3: self.body @ flip}[velocity_frame]
        float32 = np.float32

        def odometry(i, stamp):
            x, y, z, w = quaternion(down @ self.turns[i] @ flip)
            none = np.full(3, np.nan, float32)
            return STORE.types[VEHICLE_ODOMETRY](
                timestamp=i * 20_000,
                timestamp_sample=i * 20_000,
                pose_frame=1,
                position=(down @ self.position[i]).astype(float32),
                q=np.array([w, x, y, z], float32),
                velocity_frame=velocity_frame,
                velocity=velocity[i].astype(float32),
                angular_velocity=(flip @ self.rates[i]).astype(float32),
                position_variance=none,
                orientation_variance=none,
                velocity_variance=none,
                reset_counter=1,
                quality=-1,
            )

        def sensor(i, stamp):
            accel = flip @ self.turns[i].T @ (0, 0, 9.81)
            gyro = (flip @ self.rates[i]).astype(float32)
            return STORE.types[SENSOR_COMBINED](i * 20_000, gyro, 5000, 0, accel.astype(float32), 5000, 0, 0, 1, 2)

        def setpoint(i, stamp):
            none, (linear, yaw, yaw_rate) = np.full(3, np.nan, float32), setpoints(i)
            return STORE.types[TRAJECTORY_SETPOINT](
                i * 20_000, none, np.asarray(linear, float32), none, none, yaw, yaw_rate
            )

        return [
            *self.camera(),
            *self.each('/fmu/out/vehicle_odometry', odometry),
            *self.each('/fmu/out/sensor_combined', sensor),
            *(self.each('/fmu/in/trajectory_setpoint', setpoint) if setpoints else ()),
        ]

    def crazyflie(self, *, in_world):
        """Crazyswarm2: by its C++ server velocities in the world and no rates, by its other ones in the body."""
        linear, angular = (self.world, 0 * self.rates) if in_world else (self.body, self.rates)

        def odometry(i, stamp):
            frames = {'frame_id': 'cf231', 'child_frame_id': ''} if in_world else {}
            return self.odometry(i, stamp, linear=linear, angular=angular, **frames)

        def hover(i, stamp):
            header = twist_stamped_message(stamp).header
            return STORE.types[HOVER](header, 0.1, 0.2, 0.3, 1.0)

        def legacy(i, stamp):
            return twist_message(linear=(5 * np.sin(i), 3, 38_000), angular=(0, 0, 20))

        return [
            *self.camera('/camera/image'),
            *self.each('/cf231/odom', odometry),
            *self.each('/cf231/cmd_hover', hover),
            *self.each('/cf231/cmd_vel_legacy', legacy),
        ]


def write(path, rows):
    """A bag of messages of several writers' types, in order of time."""
    return write_foreign(path, STORE, sorted(rows, key=lambda row: row[1]))


def cdr(message):
    """The bytes of a message of ours or of theirs."""
    if message.__msgtype__ in typestore().types:
        return bytes(serialize(message))
    return bytes(STORE.serialize_cdr(message, message.__msgtype__))
