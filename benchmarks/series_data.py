"""
The data of benchmarks/series.py: what ships in packages, read from their files without loading them, and a generator.

    pip install --no-deps aeon==1.6.0 heartpy==1.2.7 statsmodels==0.15.0 scikit-learn==1.9.1

Without their dependencies, for aeon needs numba, which holds NumPy back, and only their files of data are wanted.
"""

import csv
import gzip
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lnn_controller.liquid import Series, forecasting

#: what to train on, and what to test with
Split = tuple[Series, Series]
STEPS = 60  # of a forecast's sequences


def packaged(package: str, file: str) -> Path:
    """
    Find a file that a package ships.

    :param package: name to import it by
    :param file: below its folder
    :returns: the file
    :raises ModuleNotFoundError: if it is not installed
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f'this needs the data of {package}: {__doc__.splitlines()[3].strip()}')
    return Path(found.origin).parent / file


def _ts(name: str, part: str) -> tuple[list[np.ndarray], list[str]]:
    """Series (T, C) and classes of a .ts file of the UEA archive; a step that has a gap (NaN) ends its series."""
    series, labels, begun = [], [], False
    for line in packaged('aeon', f'datasets/data/{name}/{name}_{part}.ts').read_text().splitlines():
        if begun and line.strip():
            *channels, label = line.strip().split(':')
            values = np.array([[float('nan' if v == '?' else v) for v in each.split(',')] for each in channels]).T
            series.append(values[~np.isnan(values).any(1)])
            labels.append(label)
        begun = begun or line.lower().startswith('@data')
    return series, labels


def motions() -> Split:
    """Accelerometer and gyroscope of a watch, 10 s at 10 Hz, half of the samples lost at random: which of 4 motions."""
    rng, parts = np.random.default_rng(0), []
    for part in ('TRAIN', 'TEST'):
        series, labels = _ts('BasicMotions', part)
        kept = [np.sort(rng.choice(len(each), len(each) // 2, replace=False)) for each in series]
        x = np.stack([each[k] for each, k in zip(series, kept, strict=True)])
        parts.append(Series(x, np.array(labels), np.stack([np.diff(k, prepend=-1) for k in kept]) / 10.0))
    return parts[0], parts[1]


def vowels() -> Split:
    """Twelve cepstral coefficients of two Japanese vowels, 7 to 29 frames: which of 9 speakers."""
    parts = []
    for part in ('TRAIN', 'TEST'):
        series, labels = _ts('JapaneseVowels', part)
        lengths = np.array([len(each) for each in series])
        x = np.zeros((len(series), lengths.max(), series[0].shape[1]))
        for row, each in zip(x, series, strict=True):
            row[: len(each)] = each
        parts.append(Series(x, np.array(labels), lengths=lengths))
    return parts[0], parts[1]


def _digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    text = gzip.decompress(packaged('sklearn', 'datasets/data/digits.csv.gz').read_bytes()).decode()
    table = np.loadtxt(io.StringIO(text), delimiter=',')
    return table[:, :64] / 16.0, table[:, 64].astype(int), np.random.default_rng(0).permutation(len(table))


def digits_video() -> Split:
    """Digits of 8 × 8 pixels, a row at a time: a video of 8 frames; 1,400 to train on, 397 for the test."""
    x, y, order = _digits()
    whole = Series(x.reshape(-1, 8, 8), y)
    return whole.part(order[:1400]), whole.part(order[1400:])


def digits_vector() -> Split:
    """The same digits, all 64 pixels at once: there is no time in it."""
    x, y, order = _digits()
    whole = Series(x.reshape(-1, 1, 64), y)
    return whole.part(order[:1400]), whole.part(order[1400:])


def lorenz() -> Split:
    """The Lorenz system, all three states, seen at gaps of 20 to 175 ms: the next sample. Generated."""
    return _lorenz(1, 512), _lorenz(2, 128)


def _lorenz(seed: int, count: int) -> Series:
    rng, h = np.random.default_rng(seed), 0.005
    state, path = rng.normal(0.0, 8.0, (count, 3)) + [0.0, 0.0, 25.0], np.empty((count, 2600, 3))

    def slope(s: np.ndarray) -> np.ndarray:
        x, y, z = s.T
        return np.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z], 1)

    for step in range(path.shape[1]):
        a = slope(state)
        b = slope(state + h / 2 * a)
        c = slope(state + h / 2 * b)
        state = state + h / 6 * (a + 2 * b + 2 * c + slope(state + h * c))
        path[:, step] = state
    gaps = rng.integers(4, 36, (count, STEPS + 1))
    return forecasting(path[np.arange(count)[:, None], 300 + gaps.cumsum(1)], gaps * h)


def heart() -> Split:
    """A pulse from a finger (heartpy), at gaps of 1 to 8 samples of 10 ms: the next; tested on the last 30 %."""
    pulse = np.loadtxt(packaged('heartpy', 'data/data.csv'))[:, None]
    return _stretches(pulse, 1.0 / 100.0, 0.7, longest_gap=8, counts=(256, 128))


def _stretches(values: np.ndarray, period: float, share: float, longest_gap: int, counts: tuple[int, int]) -> Split:
    """Stretches of STEPS + 1 samples at random gaps out of the first share of a recording, and out of the rest."""
    cut, parts = int(share * len(values)), []
    for seed, (piece, count) in enumerate(zip((values[:cut], values[cut:]), counts, strict=True)):
        rng = np.random.default_rng(seed)
        gaps = rng.integers(1, longest_gap + 1, (count, STEPS + 1))
        at = rng.integers(0, len(piece) - gaps.sum(1))[:, None] + gaps.cumsum(1) - 1
        parts.append(forecasting(piece[at], gaps * period))
    return parts[0], parts[1]


def co2() -> Split:
    """CO₂ over Mauna Loa, weekly from 1958 to 2001, 59 weeks missing: the next sample; tested on the last 30 %."""
    rows = list(csv.reader(packaged('statsmodels', 'datasets/co2/co2.csv').open()))[1:]
    days = np.array([f'{row[0][:4]}-{row[0][4:6]}-{row[0][6:]}' for row in rows], 'datetime64[D]').astype(float)
    known = np.array([bool(row[1]) for row in rows])
    weeks, ppm = days[known] / 7.0, np.array([float(row[1]) for row in rows if row[1]])
    cut, parts = int(0.7 * len(ppm)), []
    for first, last, stride in ((0, cut, 4), (cut, len(ppm), STEPS)):
        at = np.arange(first + 1, last - STEPS, stride)[:, None] + np.arange(STEPS + 1)
        # The level rises for ever; a sequence tells of the change since its first sample.
        parts.append(forecasting((ppm[at] - ppm[at[:, :1]])[..., None], weeks[at] - weeks[at - 1]))
    return parts[0], parts[1]


DATA: dict[str, Callable[[], Split]] = {
    'lorenz': lorenz,
    'heart': heart,
    'co2': co2,
    'motions': motions,
    'vowels': vowels,
    'digits_video': digits_video,
    'digits_vector': digits_vector,
}
