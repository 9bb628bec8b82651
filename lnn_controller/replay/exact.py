"""Replay what a recorded controller did, tick by tick, by what it said of each: the same inputs in the same order."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lnn_controller.control import STOP_REASONS, Controller, Decision
from lnn_controller.control.adaptation.adaptation import fingerprint
from lnn_controller.control.tick_record import Configuration, Tick
from lnn_controller.data import Episode
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy
from lnn_controller.replay.result import Exactness, Replay, make_replay

__all__ = ['replay_ticks']


def replay_ticks(
    episode: Episode,
    ticks: Sequence[Tick],
    configurations: Mapping[int, Configuration],
    policy: Policy,
    progress: Callable[[float], None] | None = None,
) -> Replay:
    """
    Replay a recording of a running controller exactly: each tick with its own stamp, frame, IMU mean and override.

    The same policy gives the commands that were published, bit for bit, or within rounding where another processor
    computed them. Another policy gives what it would have said at those ticks, with the same settings.

    :param episode: the recording, read for this policy
    :param ticks: the controller's, at least one
    :param configurations: what they refer to, by number
    :param policy: the policy
    :param progress: called with the recorded seconds since the last call, now and then
    :returns: both commands; ``exact`` says how alike they are
    :raises InputError: if the configuration of a tick is missing
    """
    started = time.perf_counter()
    again = _Again(episode, configurations, policy)
    decisions: list[Decision] = []
    told_ns = ticks[0].stamp_ns
    for tick in ticks:
        decisions.append(again.decide(tick))
        if progress and tick.stamp_ns - told_ns >= 1_000_000_000:
            progress((tick.stamp_ns - told_ns) / 1e9)
            told_ns = tick.stamp_ns
    wall_s = time.perf_counter() - started
    nothing = np.full(len(policy.spec.outputs), np.nan)
    recorded = [nothing if tick.reason else np.array(tick.command) for tick in ticks]
    return make_replay(
        policy,
        episode,
        decisions,
        recorded=np.array(recorded),
        rate_hz=again.controller.settings.control_rate_hz,
        counters=again.controller.counters,
        wall_s=wall_s,
        exact=again.exactness(len(ticks)),
    )


class _Again:
    """A controller that is told, before each tick, what the recorded one knew."""

    def __init__(self, episode: Episode, configurations: Mapping[int, Configuration], policy: Policy) -> None:
        self._episode = episode
        self._frames = {int(stamp): index for index, stamp in enumerate(episode.image_stamps_ns)}
        self._configurations = configurations
        self._fingerprint = fingerprint(policy.spec)
        self._policy = policy
        self.controller = Controller(self._policy)
        self._last: Tick | None = None
        self._same_policy = True
        # What had been learnt when the bag begins, nobody knows, unless it begins with the controller.
        self._learnt_known = False
        self._frame_known = True
        self._differences: list[float] = []
        self._missing: set[int] = set()

    def decide(self, tick: Tick) -> Decision:
        """Tell the controller what the tick went by, let it decide, and compare."""
        if tick.number == 0:  # a controller that has just been configured
            self.controller, self._last = Controller(self._policy), None
        controller, last = self.controller, self._last
        # After a frame that is missing the state has another past, until it is told again.
        gap = tick.number != (0 if last is None else last.number + 1) or not self._frame_known
        if last is None or tick.configuration != last.configuration:
            self._configure(tick)
        if gap:
            self._learnt_known = False
            controller.state = tick.used.state
        elif last is None or tick.used.resets != last.used.resets:
            controller.reset()
        # A stop from outside and one that was held on to are told alike: until when it holds, the recording says.
        then = tick.used.state
        controller.state = controller.state._replace(hold=then.hold, network_hold=then.network_hold)
        frame_known = self._tell(tick)
        if tick.reason in ('', *STOP_REASONS):
            decision = controller.step(tick.stamp_ns)
        else:
            decision = controller.stop(tick.stamp_ns, tick.reason)
        learnt_known = self._learnt_known or controller.settings.adaptation.mode == 'frozen'
        if self._same_policy and learnt_known and frame_known:
            self._differences.append(float(np.abs(decision.command - np.array(tick.command)).max()))
        self._last = tick
        return decision

    def exactness(self, ticks: int) -> Exactness:
        """Sum up."""
        return Exactness(
            same_policy=self._same_policy,
            ticks=ticks,
            compared=len(self._differences),
            max_abs_difference=max(self._differences) if self._differences else None,
            frames_missing=len(self._missing),
        )

    def _configure(self, tick: Tick) -> None:
        found = self._configurations.get(tick.configuration)
        if found is None:
            msg = f'bag {self._episode.name} must hold what each tick was decided by. Got none for tick {tick.number}: '
            raise InputError(f'{msg}was ~/configuration recorded from before it on?')
        self.controller.settings = found.settings
        self._same_policy &= found.policy_sha256 == self._fingerprint
        # Set from outside it is known; where only the settings changed, it is as known as it was before.
        if found.adaptation is not None and (tick.number == 0 or self._last is not None):
            self._learnt_known = True
            if self._same_policy:
                self.controller.adaptation.load(found.adaptation)

    def _tell(self, tick: Tick) -> bool:
        """Tell all that came since the last tick; and whether the frame that the tick saw is there."""
        controller, used = self.controller, tick.used
        before = None if self._last is None else self._last.used
        if used.image_stamp_ns is not None and (before is None or used.image_stamp_ns != before.image_stamp_ns):
            index = self._frames.get(used.image_stamp_ns)
            self._frame_known = index is not None
            if index is None:
                self._missing.add(used.image_stamp_ns)
            else:
                controller.on_frame(used.image_stamp_ns, self._episode.images[index], used.image_since_ns)
        if used.imu_stamp_ns is not None and (before is None or used.imu_stamp_ns != before.imu_stamp_ns):
            controller.on_imu(used.imu_stamp_ns, used.imu[:3], used.imu[3:])
        if used.scan_stamp_ns is not None and (before is None or used.scan_stamp_ns != before.scan_stamp_ns):
            controller.on_obstacles(used.scan_stamp_ns, np.zeros((0, 2)))
        if used.odometry_stamp_ns is not None and (
            before is None or used.odometry_stamp_ns != before.odometry_stamp_ns
        ):
            controller.on_odometry(used.odometry_stamp_ns, used.speed_m_s)
        controller.give_guard_scales(used.guard_scale, used.ramp_scale, tick.reason)
        controller.set_emergency_stop('recording', used.emergency_stop)
        if used.operator is None:
            controller.release_override()
        else:
            controller.on_override(tick.stamp_ns, used.operator)
        return self._frame_known
