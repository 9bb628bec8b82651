"""
Data sets of LeRobot, versions 2.0, 2.1 and 3.0: parquet tables, and mp4 or pictures (github.com/huggingface/lerobot).

Their rows have the action that was sent at each frame, named joint by joint; of a mobile robot some of these names are
velocities. Version 2 has a table and a video for each episode, version 3 has many episodes in a file.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnn_controller.data.importers.drive import check_fetched, number_of, text_of
from lnn_controller.data.importers.video_frames import frames_of
from lnn_controller.errors import InputError, how_to_install, short
from lnn_controller.policy.files import parse_json

__all__ = ['Dataset', 'Episode', 'Term', 'velocities']

VERSION = re.compile(r'v(2\.[01]|3\.0)')
KEY = re.compile(r'observation\.images?(\.[\w.-]+)?')  # of a camera; it becomes part of a path
ACTION, STAMP, EPISODE = 'action', 'timestamp', 'episode_index'
FETCH = 'download it, or take the table of its episode away'
MOST = 10_000  # elements of an action
# Velocities by the names that LeKiwi, and bridges to ROS 2, give them; LeKiwi turns in degrees a second.
KNOWN = {
    'x.vel': ('linear_x', 1.0),
    'y.vel': ('linear_y', 1.0),
    'theta.vel': ('angular_z', math.pi / 180.0),
    **{name: (name.replace('.', '_'), 1.0) for name in ('linear.x', 'linear.y', 'linear.z', 'angular.z')},
    **{name: (name, 1.0) for name in ('linear_x', 'linear_y', 'linear_z', 'angular_z')},
}


class Term(NamedTuple):
    """
    What of an action is a channel of the command.

    :param name: of the action's element
    :param factor: which makes m/s or rad/s of it
    """

    name: str
    factor: float = 1.0


class Episode(NamedTuple):
    """
    One episode.

    :param number: in the data set
    :param stamps_s: of its T frames, from its begin, s
    :param actions: (T, A)
    :param pictures: PNG or JPEG bytes by frame; ``None``: they are in a video
    :param video: the file that they are in; ``None``: there is none
    :param video_from_s: where in the video it begins, s
    """

    number: int
    stamps_s: NDArray[np.float64]
    actions: NDArray[np.float64]
    pictures: Sequence[bytes] | None
    video: Path | None
    video_from_s: float


@dataclass(frozen=True)
class Dataset:
    """
    A data set on disk.

    :param path: its folder, with ``meta`` and ``data``
    :param info: content of ``meta/info.json``
    :param camera: key of the camera
    """

    path: Path
    info: Mapping[str, Any]
    camera: str

    @classmethod
    def open(cls, path: Path, camera: str = '') -> 'Dataset':
        """
        Read what a data set says of itself.

        :param path: its folder
        :param camera: which camera, by the last part of its name; empty: the only one
        :returns: the data set
        :raises InputError: if it is none, of another version, or the camera is not to be told
        """
        file = path / 'meta' / 'info.json'
        if not file.exists():
            raise InputError(f'{path} must be the folder of a data set on this computer. Got no meta/info.json in it')
        info = parse_json(text_of(file), f'{file} must be')
        version = info.get('codebase_version') if isinstance(info, dict) else None
        if not isinstance(version, str) or not VERSION.fullmatch(version):
            raise InputError(f'{file}: codebase_version must be v2.0, v2.1 or v3.0. Got {short(version)}')
        features = info.get('features')
        if not isinstance(features, dict) or not all(isinstance(each, dict) for each in features.values()):
            raise InputError(f'{file}: features must be an object of objects. Got {short(features)}')
        fps = info.get('fps')
        if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < 1000:
            raise InputError(f'{file}: fps must be a number above 0. Got {short(fps)}')
        cameras = [
            key for key, each in features.items() if each.get('dtype') in ('video', 'image') and KEY.fullmatch(key)
        ]
        chosen = [key for key in cameras if camera in ('', key, key.rpartition('.')[2])]
        if len(chosen) != 1:
            names = ', '.join(key.rpartition('.')[2] for key in cameras) or 'none'
            raise InputError(f'{path}: name one of its cameras, --camera NAME. Got {camera or "no name"} of {names}')
        return cls(path, info, chosen[0])

    @property
    def action_names(self) -> tuple[str, ...]:
        """
        The elements of an action; where they have no names, their numbers, from 0.

        :raises InputError: if there is no action, or neither names nor their number are to be told
        """
        features = self.info['features']
        if ACTION not in features:
            raise InputError(
                f'{self.path}: a data set must have an {ACTION}, what was commanded. Got {", ".join(features)}'
            )
        action = features[ACTION]
        names = action.get('names')
        # By kind, {"motors": [...]}, or in a list of one: what wrote a data set of version 2 chose.
        while isinstance(names, list | dict) and len(names) == 1:
            (inside,) = names.values() if isinstance(names, dict) else names
            if not isinstance(inside, list):
                break
            names = inside
        match action.get('shape'):
            case [int(count)] if 0 < count <= MOST and names is None:
                names = [str(number) for number in range(count)]
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise InputError(f'{self.path}: the elements of its action must have names. Got {short(names)}')
        return tuple(names)

    @property
    def licence(self) -> str:
        """The licence on its card, README.md; empty where there is none."""
        card = self.path / 'README.md'
        head = card.read_text(encoding='utf-8', errors='replace')[:10_000] if card.is_file() else ''
        found = re.match(r'---\n(?:.*\n)*?license: *([\w.-]+)', head.partition('\n---')[0])
        return found[1] if found else ''

    def episodes(self) -> Iterator[Episode]:
        """
        Read the episodes, in their order.

        :returns: an iterator over them; a table is in memory at a time
        :raises InputError: if a table or its video is missing or damaged, or pyarrow is not installed
        """
        videos = self._videos()
        files = sorted((self.path / 'data').glob('chunk-*/*.parquet'))
        if not files:
            raise InputError(f'{self.path / "data"}: a data set must have tables, chunk-000/….parquet. Got none')
        for file in files:
            table = _table(file, [EPISODE, STAMP, ACTION, *([] if self._is_video else [self.camera])])
            indices = np.array(table[EPISODE])
            if indices.dtype.kind not in 'iu':
                raise InputError(f'{file}: each {EPISODE} must be a whole number. Got others')
            for index in np.unique(indices).tolist():
                rows = np.flatnonzero(indices == index)
                yield self._episode(
                    file, index, {key: [column[row] for row in rows] for key, column in table.items()}, videos
                )

    @property
    def _is_video(self) -> bool:
        return bool(self.info['features'][self.camera]['dtype'] == 'video')

    def _episode(
        self, file: Path, index: int, rows: Mapping[str, Sequence[Any]], videos: Mapping[int, tuple[Path, float]]
    ) -> Episode:
        where = f'{file}, episode {index}'
        try:
            stamps_s = np.array(rows[STAMP], np.float64).reshape(len(rows[STAMP]))
            actions = np.array(rows[ACTION], np.float64).reshape(len(stamps_s), -1)
        except (TypeError, ValueError):
            raise InputError(
                f'{where}: each {STAMP} must be a number, each {ACTION} numbers, as many as any other'
            ) from None
        if actions.shape[1] != len(self.action_names) or not np.isfinite(actions).all():
            names = len(self.action_names)
            raise InputError(
                f'{where}: each {ACTION} must be {names} finite numbers. Got {actions.shape[1]}, or no number'
            )
        late = [b for a, b in pairwise(stamps_s.tolist()) if not b > a]
        if late or not np.isfinite(stamps_s).all() or stamps_s[0] < 0:
            raise InputError(
                f'{where}: each {STAMP} must be later than the one before. Got {short(late or stamps_s[0])}'
            )
        if self._is_video:
            if index not in videos:
                raise InputError(f'{where}: its video must be there. Got none of {self.camera}: {FETCH}')
            video, begin_s = videos[index]
            if not video.is_file():
                raise InputError(f'{where}: its video must be there. Got no {video}: {FETCH}')
            return Episode(index, stamps_s, actions, None, video, begin_s)
        pictures = [each.get('bytes') if isinstance(each, dict) else None for each in rows[self.camera]]
        if not all(isinstance(each, bytes) for each in pictures):
            raise InputError(f'{where}: pictures must be in the table. Got names of files')
        return Episode(index, stamps_s, actions, [bytes(each or b'') for each in pictures], None, 0.0)

    def _videos(self) -> dict[int, tuple[Path, float]]:
        """The video of each episode, and where in it the episode begins, s."""
        if not self._is_video:
            return {}
        folder = self.path / 'videos'
        if self.info['codebase_version'] != 'v3.0':
            found = folder.glob(f'chunk-*/{self.camera}/episode_*.mp4') if folder.is_dir() else ()
            return {int(file.stem.rpartition('_')[2]): (file, 0.0) for file in found if file.stem[8:].isdecimal()}
        prefix, videos = f'videos/{self.camera}/', {}
        columns = [EPISODE, *(prefix + name for name in ('chunk_index', 'file_index', 'from_timestamp'))]
        for file in sorted((self.path / 'meta' / 'episodes').glob('chunk-*/*.parquet')):
            table = _table(file, columns)
            try:
                for index, chunk, number, begin_s in zip(*(table[name] for name in columns), strict=True):
                    mp4 = folder / self.camera / f'chunk-{int(chunk):03d}' / f'file-{int(number):03d}.mp4'
                    videos[int(index)] = (mp4, number_of(f'{file}', columns[-1], begin_s))
            except (TypeError, ValueError, OverflowError):
                raise InputError(f'{file}: {", ".join(columns)} must be numbers. Got others') from None
        return videos

    def pictures(self, episode: Episode) -> Iterator[bytes]:
        """
        Read the pictures of an episode, one for each of its rows.

        :param episode: the episode
        :returns: an iterator over JPEG or PNG bytes; those of a video are decoded and made JPEGs
        :raises InputError: if a picture is missing or cannot be decoded, or PyAV is not installed
        """
        if episode.video is None:
            yield from episode.pictures or ()
        else:
            tolerance_s = 0.5 / float(self.info['fps'])
            yield from frames_of(episode.video, episode.stamps_s + episode.video_from_s, tolerance_s)


def _table(file: Path, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Columns of a table, row by row."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise InputError(f'data sets of LeRobot need pyarrow. Install it: {how_to_install("lerobot")}') from None
    try:
        table = parquet.ParquetFile(file).read(columns=[*columns])
    except (ArrowException, OSError) as error:
        check_fetched(file)
        raise InputError(f'{file} must be a table of parquet. Got: {short(str(error))}') from None
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise InputError(f'{file}: the table must have {", ".join(missing)}. Got {", ".join(table.column_names)}')
    return {name: table.column(name).to_pylist() for name in columns}


def velocities(names: Sequence[str], chosen: Mapping[str, Term]) -> dict[str, Term]:
    """
    Decide what of an action is the command.

    :param names: of the action's elements
    :param chosen: by channel, as a person chose; empty: by the names that are known
    :returns: by channel
    :raises InputError: if a chosen name is none of the action's, or none is known
    """
    for term in chosen.values():
        if term.name not in names:
            raise InputError(f'--action must name elements of the action: {", ".join(names)}. Got {term.name}')
    terms = dict(chosen) or {KNOWN[name][0]: Term(name, KNOWN[name][1]) for name in names if name in KNOWN}
    if not terms:
        example = f'--action linear_x={names[0]} angular_z={names[-1]}'
        raise InputError(f'say which elements of the action are velocities, as {example}. Got {", ".join(names)}')
    return terms
