"""The controller: stamped events in, one decision per tick out. It knows no ROS, no clock of its own and no log."""

from collections import defaultdict
from collections.abc import Sequence
from time import perf_counter_ns
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lnn_controller.control.chain import SafetyChain
from lnn_controller.control.decision import Decision
from lnn_controller.control.guard import outside, thin
from lnn_controller.control.imu import ImuMean
from lnn_controller.control.override import Override
from lnn_controller.control.safety import all_finite
from lnn_controller.control.sensors import Camera, Sensor
from lnn_controller.control.settings import ControlSettings
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy, PolicyStep, fit_frame

__all__ = ['Controller', 'Encoded']

REFUSALS = ('not_newer', 'in_future', 'too_old')
COUNTERS = (
    *('ticks', 'stopped_ticks', 'limited_ticks', 'override_ticks', 'dt_outside_training'),
    *('images', 'image_refused', *(f'image_{refusal}' for refusal in REFUSALS)),
    *('imu_samples', 'imu_not_plausible', *(f'imu_{refusal}' for refusal in REFUSALS)),
    *('scans', *(f'scan_{refusal}' for refusal in REFUSALS), 'overrides', 'override_not_finite'),
)
# How a frame, sample or scan that is missing is named as the reason of a stop.
NAMES = {'image': 'no_image', 'imu': 'no_imu', 'scan': 'no_scan'}


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


class Controller:
    """
    Drive by a policy: the encoder per frame, the liquid core per tick with the real Δt, then the safety chain.

    The same stamped events give the same decisions, bit for bit, on a robot, from a bag or in a simulation; only
    ``encode_us`` and ``step_us`` are measured. All stamps are of one clock, the caller's. Call it from one thread at
    a time; :meth:`encode` alone may run beside everything else.

    ``counters`` holds how often things happened: ticks of each kind, frames, IMU samples, scans and overrides taken
    and refused by cause, ``limit_<which>`` ticks, ``dt_outside_training`` (the network was given the nearest Δt it
    knows), and ``stop_<reason>``: once for each stretch of ticks that were stopped for that reason.

    :param policy: the policy
    :param settings: how to drive; default: :class:`ControlSettings`'s defaults
    """

    def __init__(self, policy: Policy, settings: ControlSettings | None = None) -> None:
        self.policy = policy
        self.counters: dict[str, int] = defaultdict(int, dict.fromkeys(COUNTERS, 0))
        self._safety = SafetyChain(policy.spec, settings or ControlSettings())
        self._zeros = _frozen(np.zeros(len(policy.spec.outputs)))
        self._no_neurons = _frozen(np.zeros(policy.spec.network.units, np.float32))
        self._sensors = {'image': Camera(), 'imu': Sensor(), 'scan': Sensor()}
        self._imu = ImuMean()
        self._features = np.zeros(policy.spec.network.features, np.float32)
        self._points = np.zeros((0, 2))
        self._override = Override()
        self._emergency: set[str] = set()
        self._encode_us = 0.0
        self._previous_ns: int | None = None
        self._begins, self._running = True, False
        self.reset()

    @property
    def settings(self) -> ControlSettings:
        """How it drives; may be replaced between two ticks and holds from the next one on."""
        return self._safety.settings

    @settings.setter
    def settings(self, settings: ControlSettings) -> None:
        self._safety.settings = settings

    @property
    def emergency_stop(self) -> tuple[str, ...]:
        """Who holds the emergency stop."""
        return tuple(sorted(self._emergency))

    def ages_s(self, now_ns: int) -> dict[str, float]:
        """
        Give the ages of what the sensors said last.

        :param now_ns: now, ns
        :returns: s, by 'image', 'imu', 'scan', of those that said anything
        """
        ages = {name: sensor.age_s(now_ns) for name, sensor in self._sensors.items()}
        return {name: age for name, age in ages.items() if age is not None}

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
        if not self.takes_image(stamp_ns, now_ns):
            return False
        self.on_encoded(stamp_ns, self.encode(image))
        return True

    def takes_image(self, stamp_ns: int, now_ns: int | None = None) -> bool:
        """
        Tell whether a frame would be taken, before the work of decoding it; where not, count it.

        :param stamp_ns: when it was taken, ns
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :returns: whether :meth:`on_encoded` may be called with it
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
            frame = fit_frame(image, self.policy.spec.image)
            features = self.policy.encode(frame)
        except InputError:
            self.counters['image_refused'] += 1
            raise
        return Encoded(frame, features, (perf_counter_ns() - started) / 1e3)

    def on_encoded(self, stamp_ns: int, encoded: Encoded) -> None:
        """
        Take an encoded frame, which :meth:`takes_image` agreed to.

        :param stamp_ns: when it was taken, ns
        :param encoded: what :meth:`encode` gave
        """
        camera = self._sensors['image']
        assert isinstance(camera, Camera)
        camera.show(stamp_ns, encoded.frame)
        self._features, self._encode_us = encoded.features, encoded.encode_us
        self.counters['images'] += 1

    def on_imu(self, stamp_ns: int, gyro: ArrayLike, accel: ArrayLike, now_ns: int | None = None) -> bool:
        """
        Take an IMU sample; a tick uses the mean of those since the previous one.

        :param stamp_ns: when it was measured, ns
        :param gyro: angular velocity xyz, rad/s, (3,)
        :param accel: linear acceleration xyz with gravity, m/s², (3,)
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :returns: whether it was taken; one that is not newer than the newest, from the future, older than the IMU's
            timeout, not finite, or beyond what an IMU measures is counted and left
        :raises ValueError: if gyro or accel cannot be read as three numbers
        """
        if not self._takes('imu', stamp_ns, now_ns, self.settings.imu_timeout_s):
            return False
        plausible = self._imu.add(gyro, accel)
        self.counters['imu_samples' if plausible else 'imu_not_plausible'] += 1
        if plausible:
            self._sensors['imu'].stamp_ns = stamp_ns
        return plausible

    def on_obstacles(self, stamp_ns: int, points: NDArray[np.float64], now_ns: int | None = None) -> bool:
        """
        Take what the guard's sensor sees; without a guard in the settings it is left.

        :param stamp_ns: when it was measured, ns
        :param points: obstacles in the robot's frame, x ahead, y left, m, (P, 2); the robot itself may be among them
        :param now_ns: when it arrived, ns; ``None``: at its stamp
        :returns: whether it was taken
        """
        guard = self.settings.guard
        if guard is None or not self._takes('scan', stamp_ns, now_ns, self.settings.scan_timeout_s):
            return False
        self._points = thin(outside(points, guard.footprint), guard.slow_distance_m, guard.footprint)
        self._sensors['scan'].stamp_ns = stamp_ns
        self.counters['scans'] += 1
        return True

    def on_override(self, now_ns: int, command: Sequence[float]) -> bool:
        """
        Take the operator's command.

        :param now_ns: when it arrived, ns
        :param command: m/s and rad/s, in the order of the policy's outputs, (C,)
        :returns: whether it was taken; one that is not finite is counted and left
        :raises ValueError: if it has not C channels
        """
        if len(command) != len(self._zeros):
            raise ValueError(f'an override needs {len(self._zeros)} channels. Got {len(command)}')
        finite = all_finite(command)
        self.counters['overrides' if finite else 'override_not_finite'] += 1
        if finite:
            self._override.set(now_ns, command)
        return finite

    def set_emergency_stop(self, source: str, engaged: bool) -> None:
        """
        Engage or release the emergency stop; it holds as long as any source holds it.

        :param source: who says so
        :param engaged: whether it holds the robot
        """
        if engaged:
            self._emergency.add(source)
        else:
            self._emergency.discard(source)

    def step(self, now_ns: int) -> Decision:
        """
        Decide: the watchdogs first, then the network, then the safety chain.

        :param now_ns: now, by the clock of the stamps, ns
        :returns: the decision; never a command that is not finite or outside the limits, and always zeros where
            a sensor that is needed is stale, the clock jumped, the network's output is not finite, or the emergency
            stop is engaged
        """
        self.counters['ticks'] += 1
        settings = self.settings
        imu = self._imu.take()
        blind = self._blind(now_ns)
        reason = self._hold(now_ns)
        if reason:
            return self._stop(now_ns, reason)
        operator = self._override.take(now_ns, settings.override_timeout_s)
        if blind and operator is None:
            return self._stop(now_ns, blind)
        dt_s = settings.nominal_dt_s
        if self._previous_ns is not None and not self._begins:
            dt_s = (now_ns - self._previous_ns) / 1e9
        made, step_us = (None, 0.0) if blind else self._run(imu, dt_s if self._running else settings.nominal_dt_s)
        if made is None and operator is None:
            return self._stop(now_ns, 'not_finite', step_us=step_us)
        # The network runs on while the operator drives, so that it knows where it is when it takes over.
        self._running = made is not None
        self._hx = self.policy.initial_state() if made is None else made.hx
        command, limited, stopped = self._chain(now_ns, made, operator, dt_s)
        self._previous_ns, self._begins = now_ns, False
        mode: Literal['policy', 'override', 'stop'] = 'policy' if operator is None else 'override'
        if stopped:
            mode = 'stop'
            self._count_stop('obstacle')
        else:
            self._stopped_for = ''
        self._count(mode, limited)
        return Decision(
            stamp_ns=now_ns,
            command=command,
            mode=mode,
            reason='obstacle' if stopped else '',
            dt_s=0.0 if stopped else dt_s,
            neurons=self._no_neurons if made is None else made.basis,
            time_constants=None if made is None else made.time_constants,
            image_age_s=self._sensors['image'].age_s(now_ns),
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

        What the sensors said last stays; the watchdogs judge it by its age. The emergency stop stays. Counters go on.
        """
        self._hx = self.policy.initial_state()
        self._safety.reset()
        self._previous_ns = None
        self._begins, self._running = True, False
        self._stopped_for = ''
        self._override.forget_return()

    def _takes(self, name: str, stamp_ns: int, now_ns: int | None, timeout_s: float) -> bool:
        refusal = self._sensors[name].refuses(stamp_ns, now_ns, timeout_s)
        if refusal:
            self.counters[f'{name}_{refusal}'] += 1
        return not refusal

    def _judge(self, name: str, now_ns: int, timeout_s: float) -> str:
        sensor = self._sensors[name]
        state = sensor.state(now_ns, timeout_s)
        self.counters[f'{name}_in_future'] += sensor.in_future
        sensor.in_future = 0
        return {'': '', 'missing': NAMES[name], 'stale': f'{name}_stale'}[state]

    def _hold(self, now_ns: int) -> str:
        """Say why nobody may drive now, not even the operator."""
        settings = self.settings
        scan = self._judge('scan', now_ns, settings.scan_timeout_s)
        if self._previous_ns is not None and not 0 < now_ns - self._previous_ns <= settings.step_gap_s * 1e9:
            return 'clock_jump'
        if self._emergency:
            return 'emergency_stop'
        return scan if settings.guard is not None else ''

    def _blind(self, now_ns: int) -> str:
        """Say why the network cannot drive now. Both sensors are looked at, whatever is wrong with one."""
        settings = self.settings
        image = self._judge('image', now_ns, settings.image_timeout_s)
        imu = self._judge('imu', now_ns, settings.imu_timeout_s)
        camera = self._sensors['image']
        assert isinstance(camera, Camera)
        frozen = camera.frozen(now_ns, settings.image_frozen_timeout_s, moving=self._safety.moving)
        return image or ('image_frozen' if frozen else '') or (imu if self.policy.spec.imu is not None else '')

    def _run(self, imu: NDArray[np.float32], dt_s: float) -> tuple[PolicyStep | None, float]:
        """Run the liquid core; ``None`` where what it gave is not finite."""
        spec = self.policy.spec
        scaled_s = dt_s * self.settings.time_scale
        network_dt_s = min(max(scaled_s, spec.dt_min_s), spec.dt_max_s)
        if network_dt_s != scaled_s:
            self.counters['dt_outside_training'] += 1
        started = perf_counter_ns()
        made = self.policy.step(self._features, imu if spec.imu else None, self._hx, network_dt_s)
        step_us = (perf_counter_ns() - started) / 1e3
        # A hidden state that is not finite would spoil every later command, so it counts as well.
        finite = all_finite(made.command.tolist()) and all_finite(made.hx.tolist())
        return made if finite else None, step_us

    def _chain(
        self, now_ns: int, made: PolicyStep | None, operator: list[float] | None, dt_s: float
    ) -> tuple[NDArray[np.float64], tuple[str, ...], bool]:
        """Take the command from the network or the operator to what is published; and whether an obstacle stops it."""
        if operator is not None:
            wanted, bitten = self._safety.hold(operator, operator=True)
        else:
            assert made is not None
            scaled = [value * self.settings.speed_scale for value in made.command.tolist()]
            wanted, bitten = self._safety.hold(scaled, operator=False)
            wanted = self._override.blend(wanted, now_ns, self.settings.override_return_s)
        # Where an obstacle stops it, the network runs on, so that it can steer away.
        sent = self._safety.send(wanted, self._points, dt_s)
        if sent.blocked:
            return self._zeros, sent.limited, True
        return _frozen(np.array(sent.command)), bitten + sent.limited, False

    def _stop(self, now_ns: int, reason: str, *, step_us: float = 0.0) -> Decision:
        self._count_stop(reason)
        self._count('stop', ())
        stopped_for = self._stopped_for
        self.reset()
        self._previous_ns, self._stopped_for = now_ns, stopped_for
        return Decision(
            stamp_ns=now_ns,
            command=self._zeros,
            mode='stop',
            reason=reason,
            dt_s=0.0,
            neurons=self._no_neurons,
            time_constants=None,
            image_age_s=self._sensors['image'].age_s(now_ns),
            limited=(),
            encode_us=self._taken_encode_us(),
            step_us=step_us,
        )

    def _count_stop(self, reason: str) -> None:
        if reason != self._stopped_for:
            self.counters[f'stop_{reason}'] += 1
        self._stopped_for = reason

    def _count(self, mode: str, limited: Sequence[str]) -> None:
        counters = self.counters
        counters['stopped_ticks'] += mode == 'stop'
        counters['override_ticks'] += mode == 'override'
        counters['limited_ticks'] += bool(limited)
        for which in limited:
            counters[f'limit_{which}'] += 1

    def _taken_encode_us(self) -> float:
        encode_us, self._encode_us = self._encode_us, 0.0
        return encode_us


def _frozen(array: NDArray) -> NDArray:
    array.flags.writeable = False
    return array
