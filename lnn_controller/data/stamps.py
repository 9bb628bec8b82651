"""Put the streams of a bag on one clock: header stamps, else receive times, and strictly increasing."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lnn_controller.errors import InputError

__all__ = [
    'COMMAND_HOLD_S',
    'PAUSE_S',
    'Stamps',
    'Stream',
    'choose_stamps',
    'goes_on',
    'is_bridged',
    'recorded_stretches',
    'recorded_time_s',
]

# How long a robot's base holds a command where no new one comes, unless something else is known of it, s
# (cmd_vel_timeout of diff_drive_controller).
COMMAND_HOLD_S = 0.5

# Where nothing at all was recorded for so long, or the clock jumped by so much, a recording falls into stretches, s.
PAUSE_S = 10.0

# No network or disk delays a message by more; two clocks are usually years apart.
_SAME_CLOCK_NS = 10_000_000_000
# Streams whose delays differ by more are stamped by clocks that were not set alike.
_SET_ALIKE_NS = 1_000_000_000
# A clock whose delay changes by more, and the others' does not, was set or runs at another speed.
_STEADY_NS = 250_000_000
_ALIKE = 'Set the clocks alike: the controller refuses such stamps'
_STEADY = 'Let nothing set the clock while it records'
# A stamp is judged by so many of its neighbours: up to ten bad ones in a row are no clock that was set.
_NEIGHBOURS = 21


@dataclass
class Stamps:
    """
    Both stamps of each sample of a stream, in the bag's order.

    :param header: header stamps, ns, 0 where there is none
    :param receive: receive times, ns
    """

    header: 'array[int]' = field(default_factory=lambda: array('q'))
    receive: 'array[int]' = field(default_factory=lambda: array('q'))

    def add(self, header_ns: int, receive_ns: int) -> None:
        """
        Append a sample.

        :param header_ns: header stamp, ns, 0 for none
        :param receive_ns: receive time, ns
        """
        self.header.append(header_ns)
        self.receive.append(receive_ns)

    def extend(self, header_ns: NDArray[np.int64], receive_ns: Iterable[int]) -> None:
        """
        Append samples.

        :param header_ns: header stamps, ns, 0 for none, (N,)
        :param receive_ns: receive times, ns, N of them
        """
        self.header.frombytes(header_ns.tobytes())
        self.receive.extend(receive_ns)


@dataclass(frozen=True)
class Stream:
    """
    The stamps that a stream goes by.

    :param stamps_ns: strictly increasing, ns, (N,) int64
    :param kept: which of the samples they belong to, mask over all
    :param drops: samples left out: ``without_stamp``, ``stamp_far_off``, ``stamp_not_increasing``
    :param went_back: of those, the ones that are earlier than others before them, and repeat none
    """

    stamps_ns: NDArray[np.int64]
    kept: NDArray[np.bool_]
    drops: dict[str, int]
    went_back: int = 0


def choose_stamps(
    samples: Mapping[str, Stamps], *, bag: str, topics: Mapping[str, str]
) -> tuple[dict[str, Stream], str, tuple[str, ...]]:
    """
    Choose the clock of an episode.

    :param samples: stamps by kind: image, command and perhaps imu, each with at least one sample
    :param bag: the bag's name, for errors
    :param topics: names of the topics by kind, for errors
    :returns: streams by kind; the clock: ``'header'`` (receive times where a stream has no header stamps) or
        ``'receive'`` (for every stream, because header stamps and receive times are different clocks, or no stream's
        headers can be laid beside the others); and a sentence on each stream that goes by receive times for its
        headers' clock is seconds off the others', was set, or runs at another speed
    :raises InputError: if frames and another stream do not overlap in time, on either clock, or a stream has no times
    """
    _check_received(samples, bag, topics)
    by_header = {kind: _by_header(stamps) for kind, stamps in samples.items()}
    by_receive = {kind: _increasing(np.array(stamps.receive, np.int64)) for kind, stamps in samples.items()}
    if not _apart(by_header):
        off = _clocks_off(samples, by_header)
        notes = tuple(
            f'{topics[kind]} is {how}: it goes by receive times. {advice}' for kind, (how, advice) in off.items()
        )
        stamped = {kind for kind, stamps in samples.items() if any(stamps.header)}
        return (
            by_header | {kind: by_receive[kind] for kind in off},
            'header' if stamped - off.keys() else 'receive',
            notes,
        )
    if apart := _apart(by_receive):
        frames, other = by_receive['image'].stamps_ns, by_receive[apart].stamps_ns
        gap_s = max(int(other[0] - frames[-1]), int(frames[0] - other[-1])) * 1e-9
        raise InputError(
            f'bag {bag}: {topics["image"]} and {topics[apart]} do not overlap in time: {gap_s:.1f} s lie between them. '
            f'Record them together, or choose another with --{apart}-topic'
        )
    return by_receive, 'receive', ()


def is_bridged(stamps_ns: NDArray[np.int64], index: NDArray[np.int64], hold_s: float) -> NDArray[np.bool_]:
    """
    Return which commands are followed closely by the next, and so interpolated to it; the others are held.

    :param stamps_ns: stamps of commands, ns, (K,)
    :param index: of the commands in question, any shape; −1 stands for the last
    :param hold_s: longest time that a command holds, s
    :returns: whether each is followed by another so soon, shape of ``index``
    """
    gap = stamps_ns[np.minimum(index + 1, len(stamps_ns) - 1)] - stamps_ns[index]
    return np.asarray((gap > 0) & (gap <= min(hold_s, COMMAND_HOLD_S) * 1e9))


def recorded_stretches(*streams: NDArray[np.int64]) -> list[tuple[int, int]]:
    """
    Find the stretches in which a recording goes on: no pause and no jump of the clock lies in any.

    :param streams: stamps of each stream, ns, at least one sample in all
    :returns: first and last stamp of each stretch, ns, in order
    """
    stamps = np.unique(np.concatenate(streams))
    ends = np.flatnonzero(np.diff(stamps) > PAUSE_S * 1e9)
    first, last = stamps[np.concatenate([[0], ends + 1])], stamps[np.concatenate([ends, [len(stamps) - 1]])]
    return list(zip(first.tolist(), last.tolist(), strict=True))


def goes_on(stamps_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """
    Return where a series goes on from its last sample, without a pause and without a jump of the clock, either way.

    :param stamps_ns: in the order of the recording, ns, (N,)
    :returns: mask, (N,); that of the first sample is set
    """
    gaps = np.diff(stamps_ns)
    return np.concatenate([np.ones(min(1, len(stamps_ns)), bool), (gaps >= 0) & (gaps <= PAUSE_S * 1e9)])


def recorded_time_s(stamps_ns: NDArray[np.int64], period_s: float) -> NDArray[np.float64]:
    """
    Compute how much had been recorded by each of some times.

    :param stamps_ns: in the order of the recording, ns, (N,)
    :param period_s: what a pause, or a jump of the clock, counts as, s
    :returns: time since the first without the pauses, s, (N,)
    """
    elapsed = stamps_ns - stamps_ns[:1]
    left_out = np.where(goes_on(stamps_ns), 0, np.diff(elapsed, prepend=elapsed[:1]) - round(period_s * 1e9))
    return np.asarray((elapsed - np.cumsum(left_out)) * 1e-9)


def _check_received(samples: Mapping[str, Stamps], bag: str, topics: Mapping[str, str]) -> None:
    for kind, stamps in samples.items():
        if len(stamps.receive) > 1 and not any(stamps.header) and len(set(stamps.receive)) == 1:
            raise InputError(
                f'bag {bag}: {topics[kind]} has no stamps of its own and needs the times at which it was received. '
                f'Got the same one for all its {len(stamps.receive)} messages: record it again, or choose another '
                f'with --{kind}-topic'
            )


def _clocks_off(samples: Mapping[str, Stamps], by_header: Mapping[str, Stream]) -> dict[str, tuple[str, str]]:
    """Which streams' headers cannot be laid beside the others, how they are off, and what to do."""
    received = {kind: np.array(stamps.receive, np.int64) for kind, stamps in samples.items()}
    if any(2 * len(np.unique(times)) < len(times) for times in received.values()):
        return {}  # no clock to judge the headers by
    stamped = [kind for kind, stamps in samples.items() if any(stamps.header)]
    off = {
        kind: _recorder_set(samples[kind]) or ('stamped by a clock that was set back while it was recorded', _ALIKE)
        for kind in stamped
        if by_header[kind].went_back > _NEIGHBOURS // 2
    }
    for kind in stamped:
        if len(by_header[kind].stamps_ns) == 1 < len(received[kind]):
            off[kind] = 'stamped by a clock that stands still', _ALIKE
    delays = {kind: received[kind][each.kept] - each.stamps_ns for kind, each in by_header.items()}
    usual = {kind: float(np.median(delay)) for kind, delay in delays.items()}
    least = {
        kind: _least_delays(delays[kind], received[kind][by_header[kind].kept], received['image']) for kind in samples
    }
    for kind in stamped:
        for other in samples.keys() - {kind}:
            between = _spread(least[kind] - least[other])
            if kind not in off and between > _STEADY_NS and _spread(least[kind]) >= _spread(least[other]):
                how = f'stamped by a clock that was set, or runs at another speed, {between * 1e-9:.1f} s in all'
                off[kind] = _recorder_set(samples[kind]) or (how, _ALIKE)
    steady = {kind: usual[kind] for kind in samples.keys() - off.keys() if _spread(least[kind]) <= _SET_ALIKE_NS}
    # A stream that goes by receive times has no delay: the others are laid beside those times.
    beside = [*steady.values(), *([0.0] if off else [])]
    if steady and max(beside) - min(beside) > _SET_ALIKE_NS:
        for kind, delay in steady.items():
            if abs(delay) > _SET_ALIKE_NS:
                how = 'behind' if delay > 0 else 'ahead of'
                off[kind] = f'stamped {abs(delay) * 1e-9:.1f} s {how} the time at which it was received', _ALIKE
    return {kind: off[kind] for kind in samples if kind in off}


def _recorder_set(stamps: Stamps) -> tuple[str, str] | None:
    """
    Find how the recorder's clock was set while the headers of a stream went on, and what to do; nothing if it was not.

    By the clock that goes on, the delay steps once, and between two of its stamps that are no farther apart than
    others; by one that was set back the samples of two pieces lie in one, and the delay steps to and fro.
    """
    header, receive = np.array(stamps.header, np.int64), np.array(stamps.receive, np.int64)
    header, receive = header[header != 0], receive[header != 0]
    steps: list[NDArray[np.int64]] = []
    for clock in (header, receive):
        order = np.argsort(clock, kind='stable')
        steps.append(np.diff(receive[order]) - np.diff(header[order]))
    by_header, by_receive = (np.flatnonzero(np.abs(each) > _STEADY_NS) for each in steps)
    between = np.diff(np.sort(header))
    regular = np.abs(between[by_header] - np.median(between)) <= _STEADY_NS
    if not 0 < len(by_header) <= len(by_receive) or not regular.all():
        return None
    by_ns = int(steps[0][by_header].sum())
    way = 'ahead' if by_ns > 0 else 'back'
    how = f"received by a clock, the recorder's, that was set {abs(by_ns) * 1e-9:.1f} s {way} while its stamps went on"
    if by_ns > 0:
        return how, _STEADY
    return f'{how}, so that two pieces of the recording lie in one there', _STEADY


def _least_delays(
    delay_ns: NDArray[np.int64], received_ns: NDArray[np.int64], frames_ns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """
    The least delays of a stream in each tenth of a recording, ns: a network adds to a delay, and takes nothing off.

    A tenth with too few samples has NaN.
    """
    tenths = min(10, len(frames_ns) // _NEIGHBOURS)
    edges = np.quantile(frames_ns - frames_ns[0], np.linspace(0, 1, tenths + 1)[1:-1]) if tenths > 1 else np.zeros(0)
    tenth = np.searchsorted(edges, received_ns - frames_ns[0])
    least = np.full(len(edges) + 1, np.nan)
    for number in np.unique(tenth):
        inside = delay_ns[tenth == number]
        if len(inside) > _NEIGHBOURS // 2:
            least[number] = np.quantile(inside, 0.1)
    return least


def _spread(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.max() - known.min()) if known.size else 0.0


def _apart(streams: Mapping[str, Stream]) -> str:
    frames = streams['image'].stamps_ns
    for kind, stream in streams.items():
        if stream.stamps_ns[0] > frames[-1] or stream.stamps_ns[-1] < frames[0]:
            return kind
    return ''


def _by_header(stamps: Stamps) -> Stream:
    header, receive = np.array(stamps.header, np.int64), np.array(stamps.receive, np.int64)
    stamped = header != 0
    if not stamped.any():
        return _increasing(receive)
    # A simulation's first sample is at time zero, and so is its receive time. Under a header clock of its own,
    # a receive time would put the sample years away.
    same_clock = np.median(np.abs(receive - header)[stamped]) <= _SAME_CLOCK_NS
    usable = np.ones(len(header), bool) if same_clock else stamped
    chosen = np.where(stamped, header, receive)
    return _increasing(chosen, usable, _far_off(chosen - receive) & usable)


def _far_off(offset: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which stamps differ from receive times by far more or less than their neighbours: those of no clock at all."""
    near = np.abs(offset - np.median(offset)) <= _SAME_CLOCK_NS
    if near.all():
        return ~near
    width = min(_NEIGHBOURS, len(offset))
    medians = np.median(np.lib.stride_tricks.sliding_window_view(offset, width), axis=1)
    usual = medians[np.clip(np.arange(len(offset)) - width // 2, 0, len(medians) - 1)]
    return np.asarray(np.abs(offset - usual) > _SAME_CLOCK_NS)


def _increasing(
    stamps: NDArray[np.int64],
    usable: NDArray[np.bool_] | None = None,
    far_off: NDArray[np.bool_] | None = None,
) -> Stream:
    kept = np.ones(len(stamps), bool) if usable is None else usable.copy()
    without = int(np.count_nonzero(~kept))
    outliers = 0
    if far_off is not None:
        outliers = int(np.count_nonzero(far_off))
        kept &= ~far_off
    candidates = stamps[kept]
    newer = _newer(candidates)
    kept[kept] = newer
    drops = {'without_stamp': without, 'stamp_far_off': outliers, 'stamp_not_increasing': int(np.count_nonzero(~newer))}
    repeated = int(np.count_nonzero(np.diff(candidates) == 0))
    return Stream(candidates[newer], kept, drops, int(np.count_nonzero(~newer)) - repeated)


def _newer(stamps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The most of the stamps that increase: one that is too late costs itself, not all that come after."""
    newest_before = np.maximum.accumulate(stamps)[:-1]
    newer = np.concatenate([[True], stamps[1:] > newest_before])
    if newer.all():
        return newer
    ends: list[int] = []  # the least stamp with which so many can end, and whose it is
    whose: list[int] = []
    before = np.full(len(stamps), -1)
    for index, stamp in enumerate(stamps.tolist()):
        place = bisect_left(ends, stamp)
        if ends[place : place + 1] != [stamp]:
            ends[place : place + 1], whose[place : place + 1] = [stamp], [index]
        before[index] = whose[place - 1] if place else -1
    if len(ends) == np.count_nonzero(newer):
        return newer
    longest = np.zeros(len(stamps), bool)
    index = whose[-1]
    while index >= 0:
        longest[index] = True
        index = int(before[index])
    return longest
