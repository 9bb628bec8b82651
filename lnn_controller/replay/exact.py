"""Replay what a recorded controller did, tick by tick, by the inputs of each that it recorded."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lnn_controller.control import Controller, Decision, TickInputs
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
    computed them. Another policy gives what it would have commanded at those ticks, with the same settings.

    :param episode: the recording, read for this policy
    :param ticks: the controller's, at least one
    :param configurations: what they refer to, by number
    :param policy: the policy
    :param progress: called with the recorded seconds since the last call, now and then
    :returns: both commands; ``exact`` is how alike they are
    :raises InputError: if the configuration of a tick is missing
    """
    started = time.perf_counter()
    replayer = _TickReplayer(episode, configurations, policy)
    decisions: list[Decision] = []
    reported_ns = ticks[0].inputs.stamp_ns
    for tick in ticks:
        decisions.append(replayer.decide(tick))
        if progress and tick.inputs.stamp_ns - reported_ns >= 1_000_000_000:
            progress((tick.inputs.stamp_ns - reported_ns) / 1e9)
            reported_ns = tick.inputs.stamp_ns
    wall_s = time.perf_counter() - started
    nothing = np.full(len(policy.spec.outputs), np.nan)
    recorded = [nothing if tick.reason else np.array(tick.command) for tick in ticks]
    return make_replay(
        policy,
        episode,
        decisions,
        recorded=np.array(recorded),
        rate_hz=replayer.controller.settings.control_rate_hz,
        counters=replayer.controller.counters,
        wall_s=wall_s,
        exact=replayer.exactness(len(ticks)),
    )


class _TickReplayer:
    """A controller that decides by recorded inputs; what only the camera's frames hold is added to them."""

    def __init__(self, episode: Episode, configurations: Mapping[int, Configuration], policy: Policy) -> None:
        self._episode = episode
        self._frames = {int(stamp): index for index, stamp in enumerate(episode.image_stamps_ns)}
        self._configurations = configurations
        self._fingerprint = fingerprint(policy.spec)
        self._policy = policy
        self._same_policy = True
        # What had been learnt when the bag begins, nobody knows, unless it begins with the controller.
        self._learnt_known = False
        self._differences: list[float] = []
        self._missing: set[int] = set()
        self._begin()

    def _begin(self) -> None:
        """A controller that has just been configured."""
        self.controller = Controller(self._policy)
        self._last: Tick | None = None
        self._frame_known, self._frame_ns, self._frame = True, 0, b''
        self._features, self._changed_ns = np.zeros(self._policy.spec.network.features, np.float32), 0

    def decide(self, tick: Tick) -> Decision:
        """Decide as the recorded controller did, and compare."""
        if tick.number == 0:
            self._begin()
        controller, last, then = self.controller, self._last, tick.state
        # After a frame that is missing the state has another past, until the recorded one takes its place.
        gap = tick.number != (0 if last is None else last.number + 1) or not self._frame_known
        if last is None or tick.configuration != last.configuration:
            self._configure(tick)
        if gap:
            self._learnt_known = False
            state = controller.state
            hx = then.hx if self._same_policy else state.hx
            controller.state = then._replace(hx=hx, sent=state.sent, still_image=state.still_image)
        elif then.resets != controller.state.resets:
            controller.reset()
        # A stop from outside and one that was held on to look alike: until when it holds is in the recording.
        controller.state = controller.state._replace(hold=then.hold, network_hold=then.network_hold, resets=then.resets)
        decision = controller.decide(self._with_frame(tick.inputs))
        learnt_known = self._learnt_known or controller.settings.adaptation.mode == 'frozen'
        if self._same_policy and learnt_known and self._frame_known:
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
            recorded_runtime=' and '.join(sorted({each.runtime for each in self._configurations.values()})),
            runtime=self._policy.runtime,
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

    def _with_frame(self, inputs: TickInputs) -> TickInputs:
        """Add what the encoder makes of the frame that the tick saw; of one that is missing, the last one's."""
        encode_us = 0.0
        if inputs.image is not None and inputs.image.stamp_ns != self._frame_ns:
            self._frame_ns = inputs.image.stamp_ns
            index = self._frames.get(self._frame_ns)
            self._frame_known = index is not None
            if index is None:
                self._missing.add(self._frame_ns)
            else:
                frame, before, started = self._episode.images[index], self._frame, time.perf_counter()
                self._features, self._frame = self._policy.encode(frame), frame.tobytes()
                self._changed_ns = self._changed_ns if self._frame == before else self._frame_ns
                encode_us = (time.perf_counter() - started) * 1e6
        return inputs._replace(features=self._features, image_changed_ns=self._changed_ns, encode_us=encode_us)
