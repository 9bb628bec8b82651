"""The picture's fit in C against the fit of training, which is OpenCV's."""

import ctypes
import platform
import subprocess

import numpy as np
import pytest
from compiled import COMPILER, STRICT, needs_compiler
from hypothesis import given, settings
from hypothesis import strategies as st

from lnn_controller.export.c import encoder_source, project_files, read_network
from lnn_controller.policy import find_policy, fit_frame, read_bundle

pytestmark = [needs_compiler, pytest.mark.slow]
RGB, BGR, MONO = range(3)
# OpenCV for other processors may be built with fused multiply-adds, which x86-64's is not.
NEAR = 0 if platform.machine() == 'x86_64' else 1


def scratch_bytes(height, width, image):
    return 4 * (6 * width + height + 6 * image.width + 4 * image.height + 8)


class Fit:
    """``NAME_fit`` of a policy, with buffers that show who writes beyond them."""

    def __init__(self, name, folder, *flags):
        network = read_network(read_bundle(find_policy(name)))
        folder.mkdir(exist_ok=True)
        for file, text in project_files(network, encoder_source(network)).items():
            (folder / file).write_text(text)
        command = [COMPILER, *STRICT, *flags, '-shared', '-fPIC', f'{name}_fit.c', '-o', 'fit.so']
        subprocess.run(command, cwd=folder, check=True)
        self.image, self.function = network.spec.image, getattr(ctypes.CDLL(str(folder / 'fit.so')), f'{name}_fit')
        self.scratch = {}

    def __call__(self, picture, kind, row_bytes):
        height, width = picture.shape[:2]
        size = scratch_bytes(height, width, self.image)
        scratch = self.scratch.setdefault((height, width), np.zeros(size // 4 + 8, np.uint32))
        scratch[size // 4 :] = 7
        frame = np.full(self.image.height * self.image.width * 3 + 8, 7, np.uint8)
        pointers = (each.ctypes.data_as(ctypes.c_void_p) for each in (picture, frame, scratch))
        data, frame_at, scratch_at = pointers
        result = self.function(data, height, width, row_bytes, kind, frame_at, scratch_at)
        assert (scratch[size // 4 :] == 7).all()
        assert (frame[-8:] == 7).all()
        if result:
            assert (frame == 7).all()
            return None
        return frame[:-8].reshape(self.image.height, self.image.width, 3)


@pytest.fixture(scope='module')
def fits(tmp_path_factory):
    folder = tmp_path_factory.mktemp('fit')
    named = [('car_lane', '-O2'), ('car_lane', '-O3', '-march=native'), ('real_car', '-O2')]
    return [Fit(name, folder / f'{number}', *flags) for number, (name, *flags) in enumerate(named)]


def drawn(rng, height, width, how):
    """Noise, a ramp that ends up near the middle of two grey levels, or stripes of black and white."""
    if how == 'noise':
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    if how == 'ramp':
        return np.stack([(x + y) // 2 % 256, x * 255 // width, y * 255 // height], 2).astype(np.uint8)
    return np.stack([(x + y) % 2 * 255, x % 2 * 255, (x // 3 + y) % 2 * 255], 2).astype(np.uint8)


@settings(max_examples=60)
@given(
    st.one_of(
        st.tuples(st.integers(60, 700), st.integers(190, 900)),
        st.sampled_from([(480, 640), (720, 1280), (240, 320), (120, 160), (360, 480), (265, 400), (66, 200)]),
    ),
    st.sampled_from(['noise', 'ramp', 'stripes']),
    st.sampled_from([RGB, BGR, MONO]),
    st.integers(0, 5),
    st.integers(0, 2**32 - 1),
)
def test_a_frame_is_that_of_training(fits, size, how, kind, padding, seed):
    height, width = size
    picture = drawn(np.random.default_rng(seed), height, width, how)
    if kind == MONO:
        picture = np.repeat(picture[..., :1], 3, axis=2)
    sent = {RGB: picture, BGR: picture[..., ::-1], MONO: picture[..., :1]}[kind]
    row_bytes = width * sent.shape[2] + padding
    rows = np.full((height, row_bytes), 99, np.uint8)
    rows[:, : row_bytes - padding] = sent.reshape(height, -1)
    for fit in fits:
        frame = fit(rows.reshape(-1)[: height * row_bytes].reshape(height, row_bytes)[:, :width], kind, row_bytes)
        kept = height - round(height * fit.image.crop_top)
        if kept < fit.image.height or width < fit.image.width:
            assert frame is None
        else:
            difference = frame.astype(int) - fit_frame(picture, fit.image)
            assert np.abs(difference).max() <= NEAR


MAIN = """#include "car_lane.h"
#include <stdlib.h>
int main(void) {
    for (int height = 60; height < 420; height += 47) {
        for (int width = 180; width < 700; width += 110) {
            for (int kind = 0; kind < 3; kind++) {
                const size_t size = (size_t)height * width * (kind == CAR_LANE_MONO8 ? 1 : 3);
                uint8_t *picture = calloc(size, 1), *frame = malloc(CAR_LANE_HEIGHT * CAR_LANE_WIDTH * 3);
                void *scratch = calloc(CAR_LANE_FIT_SCRATCH(height, width), 1);
                for (size_t i = 0; i < size; i++) picture[i] = (uint8_t)(i * 37 >> 3);
                (void)car_lane_fit(picture, height, width, (int)(size / height), kind, frame, scratch);
                free(picture);
                free(frame);
                free(scratch);
            }
        }
    }
    return 0;
}
"""


def test_it_stays_within_its_buffers(tmp_path):
    Fit('car_lane', tmp_path)
    (tmp_path / 'main.c').write_text(MAIN)
    flags = [
        '-O1',
        '-fsanitize=address,undefined',
        '-fno-sanitize-recover=all',
        '-o',
        'main',
        'main.c',
        'car_lane_fit.c',
    ]
    subprocess.run([COMPILER, *STRICT, *flags], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / 'main'], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')
