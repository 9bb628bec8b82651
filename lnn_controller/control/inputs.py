"""What has arrived at a controller: frames, IMU samples, obstacles, the operator; and what a tick sees of it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.attitude import HeadingFrame, heading_frame
from lnn_controller.control.decision import TickInputs, Velocity
from lnn_controller.control.imu import ImuMean
from lnn_controller.control.safety.chain import Obstacles
from lnn_controller.control.safety.guard import outside, thin
from lnn_controller.control.safety.limits import all_finite
from lnn_controller.control.safety.override import Override
from lnn_controller.control.safety.sight import Sight
from lnn_controller.control.sensors import LOOP, Reading, Sensor, judge
from lnn_controller.control.settings.control import ControlSettings
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy

__all__ = ['Encoded', 'Inputs']

REFUSALS = ('not_newer', 'in_future', 'too_old')
COUNTERS = (
    *('ticks', 'stopped_ticks', 'limited_ticks', 'override_ticks', 'dt_outside_training'),
    *('images', 'image_refused', *(f'image_{refusal}' for refusal in REFUSALS)),
    *('imu_samples', 'imu_not_plausible', *(f'imu_{refusal}' for refusal in REFUSALS)),
    *('scans', *(f'scan_{refusal}' for refusal in REFUSALS), 'overrides', 'override_not_finite'),
)


class Encoded(NamedTuple):
    """
    A frame after the encoder.

    :param frame: what the network saw, (H, W, 3) uint8
    :param features: the encoder's output, (F,) float32
    :param encode_us: how long that took, µs
    """

    frame: NDArray[np.uint8]
    features: NDArray[np.float32]
    encode_us: float


class Inputs:
    """
    What has arrived at a :class:`~lnn_controller.control.Controller`, by stamps; a tick sees a snapshot of it.

    :param policy: the policy
    :param settings: how to drive
    """

    def __init__(self, policy: Policy, settings: ControlSettings) -> None:
        self.policy = policy
        self.settings = settings
        self.counters: dict[str, int] = defaultdict(int, dict.fromkeys(COUNTERS, 0))
        self._sensors = {'image': Sensor(LOOP), 'imu': Sensor(), 'scan': Sensor(), 'odometry': Sensor()}
        self._imu = ImuMean()
        self._features = np.zeros(policy.spec.network.features, np.float32)
        self._image_changed_ns = 0
        self._obstacles = Obstacles(np.zeros((0, 2)))
        self._velocity: Velocity = (0.0, 0.0, 0.0, 0.0)
        self._height_m = math.nan
        self._frame: HeadingFrame | None = None
        self._override = Override()
        self._emergency: set[str] = set()
        self._encode_us = 0.0

    def snapshot(self, now_ns: int, stop: str = '') -> TickInputs:
        """
        Take what a tick is computed from.

        The next IMU mean begins here. A message from the future counts as stale now and is forgotten, for it would keep
        out all that comes after; so is an operator's command that no longer holds.

        :param now_ns: when the tick is, ns
        :param stop: why the caller stops the robot; empty where it does not
        :returns: the inputs of the tick
        """
        encode_us, self._encode_us = self._encode_us, 0.0
        return TickInputs(
            stamp_ns=now_ns,
            features=self._features,
            image=self._newest('image', now_ns),
            image_changed_ns=self._image_changed_ns,
            imu_mean=self._imu.take(),
            imu=self._newest('imu', now_ns),
            scan=self._newest('scan', now_ns),
            odometry=self._newest('odometry', now_ns),
            velocity=self._velocity,
            height_m=self._height_m,
            operator=self._override.take(now_ns, self.settings.override_timeout_s),
            emergency_stop=bool(self._emergency),
            view=self._obstacles,
            stop=stop,
            encode_us=encode_us,
        )

    def ages_s(self, now_ns: int) -> dict[str, float]:
        """
        Return the ages of what the sensors sent last.

        :param now_ns: now, ns
        :returns: s, by 'image', 'imu', 'scan' and 'odometry', of those that sent anything
        """
        newest = {name: sensor.newest for name, sensor in self._sensors.items()}
        return {name: (now_ns - each.since_ns) / 1e9 for name, each in newest.items() if each is not None}

    def repeated_s(self) -> dict[str, float]:
        """
        Return for how long a sensor has sent nothing that it had not sent before, while the robot was to move.

        :returns: s, by 'image' and 'imu', of those that sent anything
        """
        named = {name: self._sensors[name] for name in ('image', 'imu')}
        return {name: each.repeats.seconds for name, each in named.items() if each.newest is not None}

    def on_standing(self) -> None:
        """The robot stands: its sensors may send the same for ever."""
        for name in ('image', 'imu'):
            self._sensors[name].repeats.begin()

    def on_image(self, stamp_ns: int, image: NDArray[np.uint8], now_ns: int | None = None) -> bool:
        """
        Take a camera frame and encode it at once.

        :param stamp_ns: when it was taken, ns
        :param image: rgb8 frame of any size, (H, W, 3) uint8; it is not kept
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :returns: whether it was taken; a frame that is not newer than the newest one, from the future, or older than
            the camera's timeout is counted and left
        :raises InputError: if the array is no rgb8 frame; counted too, and the frame before it stays the newest
        """
        return self.takes_image(stamp_ns, now_ns) and self.on_encoded(stamp_ns, self.encode(image), now_ns)

    def on_frame(self, stamp_ns: int, frame: NDArray[np.uint8], now_ns: int | None = None) -> bool:
        """
        Take a frame that is the encoder's already, as an episode holds them: it is not cropped or resized again.

        :param stamp_ns: when it was taken, ns
        :param frame: as :func:`~lnn_controller.policy.fit_frame` returns it, (H, W, 3) uint8
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :returns: whether it was taken, as :meth:`on_image`
        :raises InputError: if the frame is not of the encoder's size
        """
        if not self.takes_image(stamp_ns, now_ns):
            return False
        started = perf_counter_ns()
        features = self.policy.encode(frame)
        return self.on_encoded(stamp_ns, Encoded(frame, features, (perf_counter_ns() - started) / 1e3), now_ns)

    def takes_image(self, stamp_ns: int, now_ns: int | None = None) -> bool:
        """
        Return whether a frame would be taken, before it is worth being encoded; one that would not be is counted.

        :param stamp_ns: when it was taken, ns
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :returns: whether it is new enough
        """
        return self._takes('image', stamp_ns, now_ns, self.settings.image_timeout_s)

    def encode(self, image: NDArray[np.uint8]) -> Encoded:
        """
        Run the encoder; touches nothing that a tick uses, so it may run in a thread of its own.

        :param image: rgb8 frame of any size, (H, W, 3) uint8
        :returns: the frame's features
        :raises InputError: if the array is no rgb8 frame
        """
        started = perf_counter_ns()
        try:
            frame = self.policy.fit(image)
            features = self.policy.encode(frame)
        except InputError:
            self.counters['image_refused'] += 1
            raise
        return Encoded(frame, features, (perf_counter_ns() - started) / 1e3)

    def on_encoded(self, stamp_ns: int, encoded: Encoded, now_ns: int | None = None) -> bool:
        """
        Take an encoded frame.

        :param stamp_ns: when it was taken, ns
        :param encoded: as :meth:`encode` returns it
        :param now_ns: when the frame arrived, ns; ``None``: at its stamp
        :returns: whether it was taken, as :meth:`on_image`
        """
        if not self.takes_image(stamp_ns, now_ns):
            return False
        camera = self._sensors['image']
        camera.take(stamp_ns, now_ns)
        if not camera.repeats.note(stamp_ns, encoded.frame.tobytes()):
            self._image_changed_ns = stamp_ns
        self._features, self._encode_us = encoded.features, encoded.encode_us
        self.counters['images'] += 1
        return True

    def on_imu(self, stamp_ns: int, gyro: Iterable[float], accel: Iterable[float], now_ns: int | None = None) -> bool:
        """
        Take an IMU sample; a tick uses the mean of those since the previous one.

        :param stamp_ns: when it was measured, ns
        :param gyro: angular velocity xyz, rad/s, (3,)
        :param accel: linear acceleration xyz with gravity, m/s², (3,)
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :returns: whether it was taken; one that is not newer than the newest, from the future, older than the IMU's
            timeout, not finite, or beyond what an IMU measures is counted and left
        :raises ValueError: if gyro or accel are not three numbers
        """
        if not self._takes('imu', stamp_ns, now_ns, self.settings.imu_timeout_s):
            return False
        plausible = self._imu.add(gyro, accel)
        self.counters['imu_samples' if plausible else 'imu_not_plausible'] += 1
        if plausible:
            self._sensors['imu'].take(stamp_ns, now_ns)
            self._sensors['imu'].repeats.note(stamp_ns, self._imu.newest)
        return plausible

    def on_obstacles(
        self, stamp_ns: int, points: NDArray[np.float64], now_ns: int | None = None, sight: Sight | None = None
    ) -> bool:
        """
        Take what the guard's sensor sees; without a guard in the settings it is left.

        :param stamp_ns: when it was measured, ns
        :param points: obstacles in the robot's frame, x ahead, y left, m, (P, 2); the robot itself may be among them
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :param sight: in which bearings it measured; ``None``: that is not known, and a way without points is free
        :returns: whether it was taken
        """
        guard = self.settings.guard
        if guard is None or not self._takes('scan', stamp_ns, now_ns, self.settings.scan_timeout_s):
            return False
        reach_m = self.settings.guard_reach_m(self.policy.spec)
        self._obstacles = Obstacles(thin(outside(points, guard.footprint), reach_m, guard.footprint), sight)
        self._sensors['scan'].take(stamp_ns, now_ns)
        self.counters['scans'] += 1
        return True

    def on_odometry(
        self, stamp_ns: int, pose: Sequence[float], twist: Sequence[float], now_ns: int | None = None
    ) -> bool:
        """
        Take where the robot measures itself to be and how it moves: for online adaptation, floor and ceiling.

        :param stamp_ns: when it was measured, ns
        :param pose: x, y, z, m, z up, and the quaternion x, y, z, w; zeros for that count as level, (7,)
        :param twist: linear, m/s, and angular velocity, rad/s, in the robot's own frame, (6,)
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :returns: whether it was taken; what is not finite, or of a robot that stands on its nose, is counted and left
        """
        height_m, *orientation = map(float, pose[2:])
        velocity = list(map(float, twist))
        frame = heading_frame(orientation)
        # Turned, numbers that are finite but huge overflow: an infinite climb would undo floor and ceiling.
        turned = None if frame is None else frame.velocity(velocity[:3], velocity[3:])
        if frame is None or turned is None or not all_finite([height_m, *velocity, *turned]):
            self.counters['odometry_not_finite'] += 1
            return False
        if not self._takes('odometry', stamp_ns, now_ns, self.settings.odometry_timeout_s):
            return False
        self._velocity = turned
        # Before its stamps: who asks for the frame meanwhile must not get one from before a gap as fresh.
        self._height_m, self._frame = height_m, frame
        self._sensors['odometry'].take(stamp_ns, now_ns)
        return True

    def heading_frame(self, now_ns: int) -> HeadingFrame | None:
        """
        Return how the robot is tilted, by its odometry; may be called beside everything else.

        :param now_ns: now, ns
        :returns: the axes of its heading frame; ``None`` where that is not known, or too old
        """
        fresh = judge(self._sensors['odometry'].newest, now_ns, self.settings.odometry_timeout_s) == ''
        return self._frame if fresh else None

    def on_override(self, now_ns: int, command: Sequence[float]) -> bool:
        """
        Take the operator's command.

        :param now_ns: when it arrived, ns
        :param command: m/s and rad/s, in the order of the policy's outputs, (C,)
        :returns: whether it was taken; one that is not finite is counted and left
        :raises ValueError: if it has not C channels
        """
        channels = len(self.policy.spec.outputs)
        if len(command) != channels:
            raise ValueError(f'an override needs {channels} channels. Got {len(command)}')
        finite = all_finite(command)
        self.counters['overrides' if finite else 'override_not_finite'] += 1
        if finite:
            self._override.set(now_ns, command)
        return finite

    def release_override(self) -> None:
        """The operator lets go: without this, a command holds until its timeout."""
        self._override.release()

    def set_emergency_stop(self, source: str, engaged: bool) -> None:
        """
        Engage or release the emergency stop; it holds as long as any source holds it.

        :param source: who engages or releases it
        :param engaged: whether it holds the robot
        """
        if engaged:
            self._emergency.add(source)
        else:
            self._emergency.discard(source)

    def _takes(self, name: str, stamp_ns: int, now_ns: int | None, timeout_s: float) -> bool:
        refusal = self._sensors[name].refuses(stamp_ns, now_ns, timeout_s)
        if refusal:
            self.counters[f'{name}_{refusal}'] += 1
        return not refusal

    def _newest(self, name: str, now_ns: int) -> Reading | None:
        """Return the newest message; one from the future for the last time."""
        sensor = self._sensors[name]
        newest = sensor.newest
        if newest is not None and newest.is_ahead(now_ns):
            sensor.newest = None
            self.counters[f'{name}_in_future'] += 1
        return newest
