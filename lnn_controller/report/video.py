"""The video of a trial: painted after it, from the recorded poses, by as many processes as there are cores."""

import math
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.headings import yaw_of
from lnn_controller.errors import InputError, how_to_install
from lnn_controller.evaluation.trial import Trial
from lnn_controller.metrics.lane import count_departures
from lnn_controller.parallel import cores, for_spawning
from lnn_controller.report.video_frame import FramePainter, Moment, Theme
from lnn_controller.sim import Track
from lnn_controller.sim.tasks.lane import cross_track_errors
from lnn_controller.sim.tasks.targets import wrap

__all__ = ['FRAMES_PER_SECOND', 'moments', 'write_video']

Pixels = NDArray[np.uint8]
Frames = Iterable[tuple[int, Pixels]]

FRAMES_PER_SECOND = 15
HELD_S = 1.5  # how long the end of a trial that has an outcome is shown
HISTORY_S = 6.0
HISTORY_COLUMNS = 150
COLD, NEUTRAL, WARM = (56, 150, 248), (22, 32, 54), (251, 146, 60)
MOST_WORKERS = 8

_painter: FramePainter | None = None


def write_video(
    path: str | Path, trial: Trial, frames: Frames, *, progress: Callable[[float], None] | None = None
) -> None:
    """
    Write the video of a trial, H.264 in MP4; the file appears when it is whole.

    :param path: the file, ending in .mp4
    :param trial: of any robot
    :param frames: the front camera's pictures in order of time: stamp (ns), rgb8 (H, W, 3)
    :param progress: called after each frame with the share that is done, 0 … 1
    :raises InputError: if PyAV, Pillow, matplotlib or OpenGL is missing, or the file cannot be written
    """
    try:
        import av
    except ModuleNotFoundError:
        msg = f'Videos need PyAV. Install it: {how_to_install("sim")}'
        raise InputError(msg) from None
    path = Path(path)
    beside = path.with_name(f'.{path.name}.part')
    count = _count(trial)
    frames = iter(frames)
    first = next(frames, None)
    if first is not None:
        frames = chain([first], frames)
    theme = _theme(trial, (66, 200) if first is None else first[1].shape[:2])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with av.open(str(beside), 'w', format='mp4', options={'movflags': 'faststart'}) as container:
            stream = container.add_stream('libx264', rate=FRAMES_PER_SECOND)
            stream.width, stream.height, stream.pix_fmt = *theme.layout.size, 'yuv420p'
            stream.options = {'crf': '23', 'preset': 'veryfast'}
            for number, picture in enumerate(_painted(theme, moments(trial, frames), count), 1):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
                if progress:
                    progress(number / count)
            container.mux(stream.encode(None))
        beside.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        beside.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f'the video must go to a folder that can be written. Got {path}: {error.strerror or error}')


def moments(trial: Trial, frames: Frames) -> Iterator[Moment]:
    """
    Say what each frame of the video shows: at its time, the newest of everything.

    :param trial: of any robot
    :param frames: the front camera's pictures in order of time
    :returns: moments, :data:`FRAMES_PER_SECOND` for each second of the trial
    """
    pictures = iter(frames)
    following = next(pictures, None)
    camera: Pixels = np.zeros((66, 200, 3), np.uint8)
    colours, state = _neuron_colours(trial), _lane_state(trial) if trial.task == 'lane' else _flight_state(trial)
    start_ns, end_ns = int(trial.stamp_ns[0]), int(trial.stamp_ns[-1])
    for number in range(_count(trial)):
        now_ns = min(start_ns + number * 1_000_000_000 // FRAMES_PER_SECOND, end_ns)
        while following is not None and following[0] <= now_ns:
            camera, following = following[1], next(pictures, None)
        index = _newest(trial.stamp_ns, now_ns)
        minutes, seconds = divmod((now_ns - start_ns) / 1e9, 60.0)
        shown_ns = now_ns - np.linspace(HISTORY_S * 1e9, 0.0, HISTORY_COLUMNS).astype(np.int64)
        yield Moment(
            state=(f'{int(minutes)}:{seconds:04.1f}', *state(index)),
            pose=trial.pose[index],
            index=index,
            command=trial.command[_newest(trial.command_stamp_ns, now_ns)],
            camera=camera,
            neurons=np.ascontiguousarray(colours[:, np.searchsorted(trial.neuron_stamp_ns, shown_ns, side='right')]),
            target=None if trial.target is None else trial.target[index],
        )


def _count(trial: Trial) -> int:
    """How many frames the video has."""
    return int((trial.seconds + (HELD_S if trial.outcome else 0.0)) * FRAMES_PER_SECOND) + 1


def _lane_state(trial: Trial) -> Callable[[int], tuple[str, ...]]:
    errors_m = cross_track_errors(Track(trial.seed), trial.pose)

    def state(index: int) -> tuple[str, ...]:
        error_cm = round(100.0 * float(errors_m[index]), 1) + 0.0  # no −0.0
        departures = count_departures(errors_m[: index + 1])
        speed = f'{trial.twist[index, 0]:.1f} m/s'
        return speed, f'{error_cm:+.1f} cm from lane centre', f'departures {departures}'

    return state


def _flight_state(trial: Trial) -> Callable[[int], tuple[str, ...]]:
    def state(index: int) -> tuple[str, ...]:
        speed = f'{trial.speed_m_s[index]:.1f} m/s'
        outcome = trial.outcome if index == len(trial.pose) - 1 else ''
        if trial.target is None:
            return speed, outcome
        pose = trial.pose[index]
        ahead, aside = trial.target[index, :2] - pose[:2]
        degrees = round(math.degrees(wrap(math.atan2(aside, ahead) - yaw_of(pose[3:]))))
        side = ' left' if degrees > 0 else ' right' if degrees < 0 else ''
        return speed, f'target {math.hypot(ahead, aside):.1f} m, {abs(degrees)}°{side}', outcome

    return state


def _newest(stamps_ns: NDArray[np.int64], now_ns: int) -> int:
    return max(0, int(np.searchsorted(stamps_ns, now_ns, side='right')) - 1)


def _neuron_colours(trial: Trial) -> Pixels:
    """Each neuron's colour after k of its L states, (N, 1 + L, 3); first the colour of none."""
    states = trial.neurons.T
    if not states.size:
        return np.full((1, trial.neuron_stamp_ns.size + 1, 3), NEUTRAL, np.uint8)
    # Each about its own median and to its own scale: what moves is seen, however small it is.
    moved = states - np.median(states, axis=1, keepdims=True)
    moved /= np.maximum(np.percentile(np.abs(moved), 98, axis=1, keepdims=True), 1e-6)
    share = np.clip(moved, -1.0, 1.0)[..., None]
    cold, neutral, warm = (np.array(colour, np.float64) for colour in (COLD, NEUTRAL, WARM))
    colours = neutral + np.maximum(share, 0.0) * (warm - neutral) + np.maximum(-share, 0.0) * (cold - neutral)
    return np.concatenate([np.full((len(states), 1, 3), NEUTRAL), colours], axis=1).astype(np.uint8)


def _theme(trial: Trial, camera: tuple[int, int]) -> Theme:
    return Theme(
        policy=trial.policy,
        robot=trial.robot,
        task=trial.task,
        scene=trial.scene,
        seed=trial.seed,
        place=f'{trial.scene}, {"road" if trial.task == "lane" else trial.task} {trial.seed}',
        channels=trial.channels,
        ranges=np.array([_range(name, trial.command[:, k]) for k, name in enumerate(trial.channels)]),
        camera=camera,
        neurons=trial.neurons.shape[1] if trial.neurons.size else 0,
        history_s=HISTORY_S,
        path=trial.pose[:, :2],
        targets=np.empty((0, 2)) if trial.target is None else trial.target[:, :2],
    )


def _range(channel: str, values: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of a channel's bar; that of the speed begins at zero where it never goes back."""
    least = 1.0 if channel.startswith('linear') else 0.5
    limit = max(least, float(np.max(np.abs(values), initial=0.0)))
    forward = channel == 'linear_x' and float(np.min(values, initial=0.0)) >= 0.0
    return 0.0 if forward else -limit, limit


def _painted(theme: Theme, shown: Iterable[Moment], count: int) -> Iterator[Pixels]:
    workers = min(cores(), MOST_WORKERS, count // FRAMES_PER_SECOND + 1)
    if workers == 1:
        painter = FramePainter(theme)
        try:
            yield from map(painter.paint, shown)
        finally:
            painter.close()
        return
    # Looked at here first: in a worker an error would make the pool start workers for ever.
    FramePainter(theme).close()
    # A forked process cannot use its parent's GL: each worker begins afresh.
    with for_spawning():
        pool = multiprocessing.get_context('spawn').Pool(workers, _start_worker, (theme,))
    with pool:
        yield from pool.imap(_paint, shown, chunksize=4)


def _start_worker(theme: Theme) -> None:
    global _painter
    _painter = FramePainter(theme)


def _paint(moment: Moment) -> Any:
    if _painter is None:
        raise RuntimeError('a worker paints only after it was started')
    return _painter.paint(moment)
