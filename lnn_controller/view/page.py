"""What the page is told: pictures, commands, neurons and the rest, each with its time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self

import cv2
import numpy as np
import rerun as rr
from numpy.typing import NDArray

from lnn_controller.errors import InputError, printable
from lnn_controller.policy.files import write_whole
from lnn_controller.policy.neurons import by_role
from lnn_controller.view.layout import CAMERA, LOG, MAP, MODE, OPERATOR, RECORDED, TIMELINE, Contents, blueprint, path

__all__ = ['PICTURE_PERIOD_NS', 'Page']

Floats = NDArray[np.floating[Any]]
PICTURE_PERIOD_NS = 1e9 / 15.0  # at most so often is a picture shown
LIVE_FLUSH_S, FLUSH_S, FLUSH_BYTES = 0.5, 60.0, 2**20
WIDEST, QUALITY = 640, 80  # of a picture, px, and of its JPEG
EPOCH_NS = 10**18  # a later stamp is of a clock that tells the date (2001 and on), not of a simulation
ROLE_COLOURS = {'inter': (96, 165, 250), 'command': (251, 191, 36), 'motor': (74, 222, 128), 'neuron': (196, 181, 253)}
LINE_COLOURS = {RECORDED: (148, 163, 184), OPERATOR: (250, 204, 21)}
POLICY_COLOURS = ((56, 189, 248), (251, 146, 60), (74, 222, 128), (244, 114, 182))
MODE_COLOURS = {'policy': 0x22C55EFF, 'override': 0xFACC15FF, 'stop': 0xEF4444FF}
OTHER = 0x94A3B8FF
ROAD, OBSTACLE, TARGET, PATH, ROBOT = (100, 116, 139), (127, 160, 138), (239, 68, 68), (56, 189, 248), (250, 204, 21)
TARGET_M = 0.4
# Sizes on the screen, whatever the map's scale: rerun takes negative radii for those.
THIN, THICK, DOT = -0.7, -1.5, -5.0
DARKEST = 0.5


class Page:
    """
    A recording of rerun's, to a file or to the viewer's server.

    A context manager: at its end everything has been written.

    :param zero_ns: the stamp at which its time begins, ns; ``None``: it goes on, and stamps are shown as they are: as a
        date where they are of a clock that tells the date
    """

    def __init__(self, zero_ns: int | None = None) -> None:
        # A browser takes in piece by piece: few and large ones come soonest.
        waits_s = LIVE_FLUSH_S if zero_ns is None else FLUSH_S
        batches = rr.ChunkBatcherConfig(flush_tick=waits_s, flush_num_bytes=FLUSH_BYTES)
        self._stream = rr.RecordingStream('lnn_controller', batcher_config=batches)
        self._zero_ns = zero_ns
        self._saving: tuple[Path, rr.BinaryStream] | None = None
        self._styled: set[str] = set()
        self._modes: dict[str, list[str]] = {}  # all that a policy's controller was in, the present one last
        self._policies: list[str] = []

    def save(self, file: Path) -> None:
        """
        Write it to a file, which has its name once it is whole.

        :param file: to be made, or written over
        :raises InputError: if it cannot be written
        """
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=file.parent).close()
        except OSError as error:
            raise _unwritable(file, error) from None
        # It stays in memory until it is closed: rerun's own writer waits for ever after a write that failed, and
        # pieces that are read one by one are files of their own.
        self._saving = file, rr.binary_stream(self._stream)

    def connect(self, uri: str) -> None:
        """
        Send it to a server.

        :param uri: of the server
        """
        self._stream.connect_grpc(uri)

    def lay_out(self, contents: Contents) -> None:
        """
        Arrange the views.

        :param contents: what there is to show
        """
        self._policies = [policy.name for policy in contents.policies]
        self._stream.send_blueprint(blueprint(contents))

    def picture(self, stamp_ns: int, picture: NDArray[np.uint8], policy: str = '') -> None:
        """
        Show a picture of the camera.

        :param stamp_ns: when it was taken, ns
        :param picture: rgb8, (H, W, 3)
        :param policy: whose map of attention is laid over it; empty: none is
        """
        self._log(stamp_ns, path(CAMERA, policy or 'picture'), _jpeg(picture))

    def commands(self, stamps_ns: NDArray[np.int64], who: str, commands: Mapping[str, Floats]) -> None:
        """
        Plot commands.

        :param stamps_ns: when they were given, (K,), ns
        :param who: gave them: a policy, ``recorded`` or ``operator``
        :param commands: by channel, (K,), m/s or rad/s; NaN where none was given
        """
        for channel, values in commands.items():
            line = path('command', channel, who)
            self._style(line, [who], [self._colour(who)])
            self._plot(stamps_ns, line, values[:, None])

    def neurons(self, stamps_ns: NDArray[np.int64], policy: str, names: Sequence[str], states: Floats) -> None:
        """
        Plot the states of neurons, by role.

        :param stamps_ns: when they were so, (K,), ns
        :param policy: whose they are
        :param names: of the neurons, as ``motor_0``, N
        :param states: (K, N)
        """
        for role, members in by_role(names).items():
            lines = path('neurons', policy, role)
            self._style(lines, [names[each] for each in members], _shades(role, len(members)))
            self._plot(stamps_ns, lines, states[:, members])

    def time_constants(self, stamps_ns: NDArray[np.int64], policy: str, names: Sequence[str], seconds: Floats) -> None:
        """
        Plot the time constants of neurons.

        :param stamps_ns: when they were so, (K,), ns
        :param policy: whose neurons they are
        :param names: of the neurons, N
        :param seconds: (K, N), s
        """
        colours: list[tuple[int, ...]] = [()] * len(names)
        for role, members in by_role(names).items():
            for each, colour in zip(members, _shades(role, len(members)), strict=True):
                colours[each] = colour
        lines = path('time_constants', policy)
        self._style(lines, list(names), colours)
        self._plot(stamps_ns, lines, seconds)

    def figures(self, stamps_ns: NDArray[np.int64], view: str, figures: Mapping[str, Floats]) -> None:
        """
        Plot rates or times.

        :param stamps_ns: when they were so, (K,), ns
        :param view: ``rates``, in Hz, or ``times``, in ms
        :param figures: by name, (K,)
        """
        for name, values in figures.items():
            line = path(view, name)
            self._style(line, [name])
            self._plot(stamps_ns, line, values[:, None])

    def mode(self, stamp_ns: int, policy: str, mode: str, reason: str) -> None:
        """
        Show who drives, where that has changed; and write it to the log.

        :param stamp_ns: since when, ns
        :param policy: whose controller it is
        :param mode: policy, override or stop
        :param reason: of a stop
        """
        text = f'{mode}: {reason}' if reason else mode
        entity, known = path(MODE, policy), self._modes.setdefault(policy, [])
        if known and known[-1] == text:
            return
        if text in known:
            known.remove(text)
        else:
            states = [*known, text]
            colours = np.array([MODE_COLOURS.get(each.partition(':')[0], OTHER) for each in states], np.uint32)
            self._stream.log(entity, rr.StateConfiguration(values=states, labels=states, colors=colours), static=True)
        known.append(text)
        self._log(stamp_ns, entity, rr.StateChange(state=text))
        self.say(stamp_ns, f'{policy}: {text}', 'WARN' if mode == 'stop' else 'INFO')

    def say(self, stamp_ns: int, text: str, level: str = 'INFO') -> None:
        """
        Write a line to the log.

        :param stamp_ns: when, ns
        :param text: the line
        :param level: INFO, WARN or ERROR
        """
        self._log(stamp_ns, LOG, rr.TextLog(printable(text), level=level))

    def ground(self, lines: Sequence[tuple[str, Floats]], obstacles: Floats) -> None:
        """
        Draw what lies below the robot's path. On the map y points north, as in the world.

        :param lines: such as a road's edges, name and points, (N, 2), m; several may have one name
        :param obstacles: x, y and radius of each, (M, 3), m
        """
        for name in dict(lines):
            strips = [_seen(points) for each, points in lines if each == name]
            self._stream.log(
                path(MAP, 'ground', name), rr.LineStrips2D(strips, colors=[ROAD], radii=[THIN]), static=True
            )
        if len(obstacles):
            circles = rr.Points2D(_seen(obstacles[:, :2]), radii=obstacles[:, 2], colors=[OBSTACLE])
            self._stream.log(path(MAP, 'obstacles'), circles, static=True)

    def robot(self, stamp_ns: int, x: float, y: float) -> None:
        """
        Draw where the robot is.

        :param stamp_ns: when it is there, ns
        :param x: m
        :param y: m
        """
        self._log(stamp_ns, path(MAP, 'robot'), rr.Points2D([[x, -y]], radii=DOT, colors=[ROBOT]))

    def went(self, stamp_ns: int | None, points: Floats) -> None:
        """
        Draw where the robot went.

        :param stamp_ns: by when, ns; ``None``: it is the whole way
        :param points: (N, 2), m
        """
        line = rr.LineStrips2D([_seen(points)], colors=[PATH], radii=[THICK])
        self._log(stamp_ns, path(MAP, 'path'), line)

    def target(self, stamp_ns: int, x: float, y: float) -> None:
        """
        Draw where the robot is to go.

        :param stamp_ns: when, ns
        :param x: m
        :param y: m
        """
        self._log(stamp_ns, path(MAP, 'target'), rr.Points2D([[x, -y]], radii=TARGET_M, colors=[TARGET]))

    def close(self) -> None:
        """
        Write what is left, and end it.

        :raises InputError: if its file cannot be written
        """
        if self._saving is None:
            self._stream.flush()
        else:
            file, written = self._saving
            try:
                write_whole(file, written.read() or b'')
            except OSError as error:
                raise _unwritable(file, error) from None
        self._stream.disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or self._saving is None:
            self.close()

    def _log(self, stamp_ns: int | None, entity: str, what: Any) -> None:
        if stamp_ns is None:
            self._stream.log(entity, what, static=True)
            return
        ((kind, when),) = self._when(np.array([stamp_ns], np.int64)).items()
        self._stream.set_time(TIMELINE, **{kind: when[0]})
        self._stream.log(entity, what)

    def _plot(self, stamps_ns: NDArray[np.int64], entity: str, values: Floats) -> None:
        """Values of one or more lines, (K, N)."""
        if len(stamps_ns) == 1:
            self._log(int(stamps_ns[0]), entity, rr.Scalars(values[0]))
            return
        columns = rr.Scalars.columns(scalars=values.astype(np.float64).ravel())
        lengths = np.full(len(values), values.shape[1])
        self._stream.send_columns(
            entity, [rr.TimeColumn(TIMELINE, **self._when(stamps_ns))], columns.partition(lengths)
        )

    def _when(self, stamps_ns: NDArray[np.int64]) -> dict[str, Any]:
        if self._zero_ns is None:
            self._zero_ns = EPOCH_NS if int(stamps_ns[0]) > EPOCH_NS else 0
        if self._zero_ns == EPOCH_NS:
            return {'timestamp': stamps_ns.astype('datetime64[ns]')}
        # The viewer opens at the earliest time, where there would be no picture yet.
        return {'duration': np.maximum(stamps_ns - self._zero_ns, 0).astype('timedelta64[ns]')}

    def _style(self, entity: str, names: Sequence[str], colours: Sequence[tuple[int, ...]] | None = None) -> None:
        if entity not in self._styled:
            self._styled.add(entity)
            self._stream.log(entity, rr.SeriesLines(names=list(names), colors=colours), static=True)

    def _colour(self, who: str) -> tuple[int, ...]:
        if who in LINE_COLOURS:
            return LINE_COLOURS[who]
        index = self._policies.index(who) if who in self._policies else 0
        return POLICY_COLOURS[index % len(POLICY_COLOURS)]


def _unwritable(file: Path, error: OSError) -> InputError:
    return InputError(f'the recording for the viewer must be writable. Got {file}: {error.strerror}')


def _jpeg(picture: NDArray[np.uint8]) -> rr.EncodedImage:
    height, width, _ = picture.shape
    if width > WIDEST:
        size = WIDEST, max(1, round(height * WIDEST / width))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, packed = cv2.imencode('.jpg', picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return rr.EncodedImage(contents=packed.tobytes(), media_type='image/jpeg')


def _seen(points: Floats) -> Floats:
    """Points, (N, 2), with y upwards: the viewer's is down."""
    return points * (1.0, -1.0)


def _shades(role: str, count: int) -> list[tuple[int, ...]]:
    """Colours of the neurons of a role."""
    colour = np.array(ROLE_COLOURS.get(role, ROLE_COLOURS['neuron']))
    return [tuple((colour * share).astype(int).tolist()) for share in np.linspace(1.0, DARKEST, count)]
