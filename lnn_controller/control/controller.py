"""The controller: stamped events in, one decision per tick out. It knows no ROS, no clock of its own and no log."""

from collections import defaultdict
from time import perf_counter_ns

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.control.decision import Decision
from lnn_controller.control.imu import ImuMean
from lnn_controller.control.safety import all_finite, limit
from lnn_controller.control.settings import ControlSettings
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy, fit_frame

__all__ = ['FUTURE_TOLERANCE_S', 'Controller']

# A sensor's clock may run ahead of ours by so much; a stamp further ahead says nothing about the frame's age.
FUTURE_TOLERANCE_S = 0.1
COUNTERS = (
    *('ticks', 'stopped_ticks', 'limited_ticks', 'dt_outside_training'),
    *('images', 'image_not_newer', 'image_refused', 'image_in_future'),
    *('imu_samples', 'imu_not_newer', 'imu_not_finite', 'imu_in_future'),
)


class Controller:
    """
    Drive by a policy: the encoder per frame, the liquid core per tick with the real Δt, then the safety chain.

    The same stamped events give the same decisions, bit for bit, on a robot, from a bag or in a simulation; only
    ``encode_us`` and ``step_us`` are measured. All stamps are of one clock, the caller's. Call it from one thread at
    a time.

    ``counters`` holds how often things happened: ``ticks``, ``stopped_ticks``, ``limited_ticks``,
    ``dt_outside_training`` (the network was given the nearest Δt it knows), ``images``, ``image_not_newer``,
    ``image_refused``, ``image_in_future``, ``imu_samples``, ``imu_not_newer``, ``imu_not_finite``, ``imu_in_future``,
    and ``stop_<reason>``: once for each stretch of ticks that were stopped for that reason.

    :param policy: the policy
    :param settings: how to drive; default: :class:`ControlSettings`'s defaults
    """

    def __init__(self, policy: Policy, settings: ControlSettings | None = None) -> None:
        self.policy = policy
        self.counters: dict[str, int] = defaultdict(int, dict.fromkeys(COUNTERS, 0))
        self.settings = settings or ControlSettings()
        self._zeros = _frozen(np.zeros(len(policy.spec.outputs)))
        self._no_neurons = _frozen(np.zeros(policy.spec.network.units, np.float32))
        self._imu = ImuMean()
        self._image_stamp_ns: int | None = None
        self._features = np.zeros(policy.spec.network.features, np.float32)
        self._encode_us = 0.0
        self._hx = policy.initial_state()
        self._command: list[float] = []
        self._previous_ns: int | None = None
        self._stopped_for = ''
        self.reset()

    @property
    def settings(self) -> ControlSettings:
        """How it drives; may be replaced between two ticks and holds from the next one on."""
        return self._settings

    @settings.setter
    def settings(self, settings: ControlSettings) -> None:
        self._settings = settings
        self._limits = settings.limits(self.policy.spec)

    def on_image(self, stamp_ns: int, image: NDArray[np.uint8]) -> bool:
        """
        Take a camera frame and encode it at once.

        :param stamp_ns: when it was taken, ns
        :param image: rgb8 frame of any size, (H, W, 3) uint8; it is not kept
        :returns: whether it was taken; a frame that is not newer than the newest one is counted and left
        :raises InputError: if the array is no rgb8 frame; counted too, and the frame before it stays the newest
        """
        if self._image_stamp_ns is not None and stamp_ns <= self._image_stamp_ns:
            self.counters['image_not_newer'] += 1
            return False
        started = perf_counter_ns()
        try:
            self._features = self.policy.encode(fit_frame(image, self.policy.spec.image))
        except InputError:
            self.counters['image_refused'] += 1
            raise
        self._encode_us = (perf_counter_ns() - started) / 1e3
        self._image_stamp_ns = stamp_ns
        self.counters['images'] += 1
        return True

    def on_imu(self, stamp_ns: int, gyro: ArrayLike, accel: ArrayLike) -> bool:
        """
        Take an IMU sample; a tick uses the mean of those since the previous one.

        :param stamp_ns: when it was measured, ns
        :param gyro: angular velocity xyz, rad/s, (3,)
        :param accel: linear acceleration xyz with gravity, m/s², (3,)
        :returns: whether it was taken; one that is not newer than the newest or not finite is counted and left
        :raises ValueError: if gyro or accel cannot be read as three numbers
        """
        refusal = self._imu.add(stamp_ns, gyro, accel)
        self.counters[f'imu_{refusal}' if refusal else 'imu_samples'] += 1
        return not refusal

    def step(self, now_ns: int) -> Decision:
        """
        Decide: the watchdogs first, then the network, then the safety chain.

        :param now_ns: now, by the clock of the stamps, ns
        :returns: the decision; never a command that is not finite or outside the limits, and always zeros where
            a sensor that the policy needs is stale, the clock jumped, or the network's output is not finite
        """
        self.counters['ticks'] += 1
        imu = self._imu.take()
        reason = self._watch(now_ns)
        if reason:
            return self._stop(now_ns, reason)
        spec, settings = self.policy.spec, self._settings
        dt_s = settings.nominal_dt_s
        if self._previous_ns is not None and not self._stopped_for:
            dt_s = (now_ns - self._previous_ns) / 1e9
        network_dt_s = min(max(dt_s, spec.dt_min_s), spec.dt_max_s)
        if network_dt_s != dt_s:
            self.counters['dt_outside_training'] += 1
        started = perf_counter_ns()
        made = self.policy.step(self._features, imu if spec.imu else None, self._hx, network_dt_s)
        step_us = (perf_counter_ns() - started) / 1e3
        wanted = made.command.tolist()
        # A hidden state that is not finite would spoil every later command, so it counts as well.
        if not all_finite(wanted) or not all_finite(made.hx.tolist()):
            return self._stop(now_ns, 'not_finite', step_us=step_us)
        if settings.speed_scale != 1.0:
            wanted = [value * settings.speed_scale for value in wanted]
        command, limited = limit(wanted, self._command, dt_s, self._limits)
        if limited:
            self.counters['limited_ticks'] += 1
        self._hx, self._command, self._previous_ns, self._stopped_for = made.hx, command, now_ns, ''
        return Decision(
            stamp_ns=now_ns,
            command=_frozen(np.array(command)),
            mode='policy',
            reason='',
            dt_s=dt_s,
            neurons=made.basis,
            time_constants=made.time_constants,
            image_age_s=self._image_age_s(now_ns),
            limited=limited,
            encode_us=self._taken_encode_us(),
            step_us=step_us,
        )

    def stop(self, now_ns: int, reason: str) -> Decision:
        """
        Stop for a reason of the caller's: zeros at once, hidden state reset. The next :meth:`step` may drive again.

        :param now_ns: now, ns
        :param reason: one word, such as 'shutdown'
        :returns: the decision
        :raises ValueError: if the reason is empty
        """
        if not reason:
            raise ValueError('a stop needs a reason. Got an empty one')
        self.counters['ticks'] += 1
        self._imu.take()
        return self._stop(now_ns, reason)

    def reset(self) -> None:
        """
        Begin a new drive: hidden state and last command zero, no previous step.

        What the sensors said last stays; the watchdogs judge it by its age. Counters go on.
        """
        self._hx = self.policy.initial_state()
        self._command = [0.0] * len(self.policy.spec.outputs)
        self._previous_ns = None
        self._stopped_for = ''

    def _watch(self, now_ns: int) -> str:
        """Say why the robot must stop now, if it must."""
        settings = self._settings
        future_ns = now_ns + round(FUTURE_TOLERANCE_S * 1e9)
        # Stamps from the future are forgotten whatever else is wrong: they would keep out all that comes after.
        image_ahead = self._image_stamp_ns is not None and self._image_stamp_ns > future_ns
        if image_ahead:
            self.counters['image_in_future'] += 1
            self._image_stamp_ns = None
        imu_ahead = self._imu.stamp_ns is not None and self._imu.stamp_ns > future_ns
        if imu_ahead:
            self.counters['imu_in_future'] += 1
            self._imu.forget()
        if self._previous_ns is not None and not 0 < now_ns - self._previous_ns <= settings.step_gap_s * 1e9:
            return 'clock_jump'
        if image_ahead:
            return 'image_stale'
        if self._image_stamp_ns is None:
            return 'no_image'
        if now_ns - self._image_stamp_ns > settings.image_timeout_s * 1e9:
            return 'image_stale'
        if self.policy.spec.imu is None:
            return ''
        if imu_ahead:
            return 'imu_stale'
        if self._imu.stamp_ns is None:
            return 'no_imu'
        return 'imu_stale' if now_ns - self._imu.stamp_ns > settings.imu_timeout_s * 1e9 else ''

    def _stop(self, now_ns: int, reason: str, *, step_us: float = 0.0) -> Decision:
        self.counters['stopped_ticks'] += 1
        if reason != self._stopped_for:
            self.counters[f'stop_{reason}'] += 1
        self.reset()
        self._previous_ns, self._stopped_for = now_ns, reason
        return Decision(
            stamp_ns=now_ns,
            command=self._zeros,
            mode='stop',
            reason=reason,
            dt_s=0.0,
            neurons=self._no_neurons,
            time_constants=None,
            image_age_s=self._image_age_s(now_ns),
            limited=(),
            encode_us=self._taken_encode_us(),
            step_us=step_us,
        )

    def _image_age_s(self, now_ns: int) -> float | None:
        return None if self._image_stamp_ns is None else (now_ns - self._image_stamp_ns) / 1e9

    def _taken_encode_us(self) -> float:
        encode_us, self._encode_us = self._encode_us, 0.0
        return encode_us


def _frozen(array: NDArray) -> NDArray:
    array.flags.writeable = False
    return array
