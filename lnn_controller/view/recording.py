"""A bag on the page: what its camera saw, what was commanded, and what policies would have done."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from lnn_controller.control.tick_times import Turn
from lnn_controller.data import Bag, Episode
from lnn_controller.data.bags.reader import Message
from lnn_controller.data.bags.topics import Topics
from lnn_controller.data.camera import camera_bits
from lnn_controller.data.frames import Frames
from lnn_controller.data.messages.cdr import odometry_from_cdr, pose_from_cdr
from lnn_controller.data.messages.stamp import stamp_ns_of
from lnn_controller.data.topic_names import DIAGNOSTICS, ODOMETRY, SIMULATOR_NODE, TARGET, resolve
from lnn_controller.errors import InputError
from lnn_controller.policy import Policy
from lnn_controller.policy.neurons import by_role, neuron_names
from lnn_controller.replay.result import Replay
from lnn_controller.report.video_attention import lay_over
from lnn_controller.view.layout import RECORDED, TIMES, Contents, Shown
from lnn_controller.view.page import PICTURE_PERIOD_NS, Page
from lnn_controller.view.status import StatusLine, draw_place

__all__ = ['show_recording', 'zero_ns']

GRACE_NS = 10e6  # frames come unevenly
TARGET_TOPIC, ODOMETRY_TOPIC = resolve(TARGET, SIMULATOR_NODE), resolve(ODOMETRY)


def zero_ns(replays: Sequence[Replay]) -> int:
    """
    Return when the page's time begins: with the first frame, as that of ``lnn info`` does.

    :param replays: of the bag
    :returns: stamp, ns
    """
    return int(replays[0].episode.image_stamps_ns[0])


def show_recording(
    page: Page,
    bag: Bag,
    replays: Sequence[Replay],
    policies: Sequence[Policy],
    progress: Callable[[int], None] | None = None,
) -> None:
    """
    Show a bag and what policies make of it.

    :param page: where
    :param bag: the bag, open
    :param replays: of it, one for each policy
    :param policies: the policies
    :param progress: called with the number of images shown since the last call, now and then
    """
    names = _labels(policies)
    place = {key: str(value) for key, value in bag.custom_data.items()}
    topics = [
        name for name in (ODOMETRY_TOPIC, TARGET_TOPIC, DIAGNOSTICS) if name in bag.topics and bag.topics[name].count
    ]
    shown = [_shown(name, policy, replay) for name, policy, replay in zip(names, policies, replays, strict=True)]
    page.lay_out(
        Contents(
            policies=tuple(shown),
            channels=replays[0].channels,
            place=ODOMETRY_TOPIC in topics,
            status=DIAGNOSTICS in topics,
        )
    )
    episode = replays[0].episode
    for note in episode.notes:
        page.say(zero_ns(replays), note, 'WARN')
    given = dict(zip(episode.channels, episode.commands.T.astype(np.float64), strict=True))
    page.commands(episode.command_stamps_ns, RECORDED, given)
    for name, policy, replay in zip(names, policies, replays, strict=True):
        _show_replay(page, name, policy, replay)
    if 'scene' in place:
        with suppress(InputError, ModuleNotFoundError):  # a world of another version, or no simulator here
            draw_place(page, place)
    _show_world(page, bag, topics)
    _show_pictures(page, bag, episode, dict(zip(names, policies, strict=True)), progress)


def _labels(policies: Sequence[Policy]) -> list[str]:
    """The policies' names, each once."""
    seen: Counter[str] = Counter()
    labels = []
    for policy in policies:
        seen[policy.spec.name] += 1
        number = seen[policy.spec.name]
        labels.append(policy.spec.name if number == 1 else f'{policy.spec.name} ({number})')
    return labels


def _shown(name: str, policy: Policy, replay: Replay) -> Shown:
    roles = by_role(neuron_names(policy.spec))
    return Shown(
        name=name,
        roles=tuple((role, len(members)) for role, members in roles.items()),
        attention=policy.has_attention,
        time_constants=any(each.time_constants is not None for each in replay.decisions),
    )


def _show_replay(page: Page, name: str, policy: Policy, replay: Replay) -> None:
    stamps_ns, decisions, neurons = replay.stamp_ns, replay.decisions, neuron_names(policy.spec)
    commands = np.array([each.command for each in decisions])
    page.commands(stamps_ns, name, dict(zip(replay.channels, commands.T, strict=True)))
    page.neurons(stamps_ns, name, neurons, np.array([each.neurons for each in decisions]))
    nothing = np.full(len(neurons), np.nan)
    constants = [each.time_constants for each in decisions]
    if any(each is not None for each in constants):
        page.time_constants(
            stamps_ns, name, neurons, np.array([nothing if each is None else each for each in constants])
        )
    page.figures(stamps_ns, TIMES, {f'{name}, a step here': replay.latency_us * 1e-3})
    for each in decisions:
        page.mode(each.stamp_ns, name, each.mode, each.reason)


def _show_world(page: Page, bag: Bag, topics: Sequence[str]) -> None:
    """Where the robot was, its target, and what its controller and simulator said of themselves."""
    status, way, turn = StatusLine(page), [], Turn()
    for message in bag.messages(topics):
        with suppress(InputError):  # one that is damaged is left out
            if message.topic == ODOMETRY_TOPIC:
                stamp_ns, _, _, position, *_ = odometry_from_cdr(message.data)
                way.append(position[:2])
                if turn.is_due(stamp_ns, PICTURE_PERIOD_NS, GRACE_NS):
                    page.robot(stamp_ns, *position[:2])
            elif message.topic == TARGET_TOPIC:
                stamp_ns, position, _ = pose_from_cdr(message.data)
                page.target(stamp_ns, *position[:2])
            else:
                _take_status(status, bag, message)
    if way:
        page.went(None, np.array(way))


def _take_status(status: StatusLine, bag: Bag, message: Message) -> None:
    array = bag.deserialize(message)
    status.take(stamp_ns_of(array) or message.stamp_ns, array.status)


def _show_pictures(
    page: Page, bag: Bag, episode: Episode, policies: dict[str, Policy], progress: Callable[[int], None] | None
) -> None:
    by_header = episode.clock == 'header'
    known, turn = set(episode.image_stamps_ns.tolist()), Turn()
    for picture, header_ns, received_ns in _pictures(bag, episode.topics['image']):
        if progress:
            progress(1)
        stamp_ns = header_ns if by_header else received_ns
        if stamp_ns not in known or not turn.is_due(stamp_ns, PICTURE_PERIOD_NS, GRACE_NS):
            continue
        page.picture(stamp_ns, picture)
        for name, policy in policies.items():
            if policy.has_attention:
                seen = policy.attention(policy.fit(picture))
                page.picture(stamp_ns, lay_over(picture, seen, policy.spec.image), name)


def _pictures(bag: Bag, topic: str) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """Each picture with its header stamp and its receive time, ns."""
    frames = Frames(camera_bits(bag, Topics(image=topic)))
    for message in bag.messages([topic]):
        with suppress(InputError):  # the episode has counted it
            for frame in frames.take(message):
                yield frame.picture, frame.header_ns, frame.received_ns
    for frame in frames.rest():
        yield frame.picture, frame.header_ns, frame.received_ns
