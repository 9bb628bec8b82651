"""The map of attention in C against attention.onnx and PyTorch, on a recording, as ``lnn export`` writes it."""

import ctypes
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from bundles import tiny_spec
from compiled import COMPILER, STRICT, needs_compiler

from lnn_controller.cli import main
from lnn_controller.data.episode import read_episode
from lnn_controller.export.attention import VisualBackProp
from lnn_controller.export.c import encoder_source
from lnn_controller.export.c.network import Network
from lnn_controller.export.c.text import choose, template
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.policy import ImageSpec, NetworkSpec, Policy, find_policy, fit_frame, read_bundle, write_bundle

pytestmark = [needs_compiler, pytest.mark.slow]
RECORDING = Path(__file__).parents[1] / 'data' / 'real_car_cut'


class Built:
    """The encoder of an exported folder, called as :class:`Policy` is."""

    def __init__(self, folder, name, image, features):
        header = (folder / f'{name}.h').read_text()
        sizes = dict(re.findall(r'^#define (\w+_SCRATCH) (\d+)$', header, re.MULTILINE))
        self.shape, self.features = (image.height, image.width), features
        self.scratch, self.attention_scratch = (
            int(sizes[f'{name.upper()}_{key}']) // 4 for key in ('SCRATCH', 'ATTENTION_SCRATCH')
        )
        library = folder / 'encoder.so'
        command = [COMPILER, *STRICT, '-O2', '-shared', '-fPIC', f'{name}_encoder.c', '-o', library]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, '')
        self.library, self.name = ctypes.CDLL(str(library)), name

    def _call(self, function, *arrays):
        pointers = (ctypes.c_void_p(array.ctypes.data) for array in arrays)
        getattr(self.library, f'{self.name}_{function}')(*pointers)

    def encode(self, frame):
        features, scratch = np.full(self.features, np.nan, np.float32), np.empty(self.scratch, np.float32)
        self._call('encode', np.ascontiguousarray(frame), features, scratch)
        return features

    def look(self, frame):
        """Features and map; what was in the buffers before is noise."""
        noise = np.random.default_rng(0)
        features, attention = np.full(self.features, np.nan, np.float32), np.full(self.shape, 77, np.uint8)
        buffers = [noise.normal(size=size).astype(np.float32) for size in (self.scratch, self.attention_scratch)]
        self._call('encode_with_attention', np.ascontiguousarray(frame), features, attention, *buffers)
        return features, attention


def recorded(image, count=6):
    """Frames of the real car, and what a camera gives at its worst: black, white, noise."""
    frames = read_episode(RECORDING, image=ImageSpec(120, 160)).images
    chosen = [fit_frame(frame, image) for frame in frames[:: len(frames) // count]]
    noise = np.random.default_rng(0).integers(0, 256, chosen[0].shape, np.uint8)
    return [*chosen, np.zeros_like(noise), np.full_like(noise, 255), noise]


@pytest.mark.parametrize('name', ['car_lane', 'drone_forest', 'real_car'])
def test_maps_are_those_of_attention_onnx(name, tmp_path):
    assert main(['export', name, '--target', 'c', '--attention', '--out', str(tmp_path)]) == 0
    policy = Policy.load(name, runtime='onnx')
    built = Built(tmp_path, name, policy.spec.image, policy.spec.network.features)
    for number, frame in enumerate(recorded(policy.spec.image)):
        features, found = built.look(frame)
        wanted = 255 * policy.attention(frame)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=0.51, err_msg=f'frame {number}')
        np.testing.assert_array_equal(features, built.encode(frame))
        if number < 6:  # else any constant would do
            assert found.max() == 255
            assert np.ptp(wanted) > 200


# The smallest frame that the network takes; pixels at the right and at the bottom that no kernel covers.
@pytest.mark.parametrize('size', [(47, 47), (48, 91), (64, 72)])
def test_any_size_is_that_of_pytorch(size, tmp_path):
    torch.manual_seed(0)
    encoder, image = ConvEncoder(*size, 5).eval(), ImageSpec(*size)
    weights = {f'encoder.{name}': tensor.numpy() for name, tensor in encoder.state_dict().items()}
    network = Network(tiny_spec(image=image, network=NetworkSpec('cfc', 5, 5, 5, time_scale=1.0)), weights, 'made')
    source = encoder_source(network, attention=True)
    (tmp_path / 'made_encoder.c').write_text(source.source)
    (tmp_path / 'made.h').write_text(
        f'#include <stdint.h>\n#define MADE_FEATURES 5\n#define MADE_HEIGHT {size[0]}\n#define MADE_WIDTH {size[1]}\n'
        f'#define MADE_SCRATCH {source.scratch_bytes}\n'
        f'#define MADE_ATTENTION_SCRATCH {source.attention_scratch_bytes}\n'
    )
    (tmp_path / 'lnn_math.h').write_text(template('lnn_math.h'))
    built = Built(tmp_path, 'made', image, 5)
    frames = np.random.default_rng(1).integers(0, 256, (4, *size, 3), np.uint8)
    for frame in frames:
        given = torch.from_numpy(frame)[None]
        with torch.no_grad():
            wanted = 255 * VisualBackProp(encoder, given)(given)[0].numpy()
        np.testing.assert_allclose(built.look(frame)[1], wanted, rtol=0, atol=0.51)


@pytest.mark.parametrize(
    ('more', 'said'),
    [
        (('--target', 'c', '--encoder', 'none'), '--encoder float. Got none: there is no encoder that could be mapped'),
        (
            ('--target', 'c', '--encoder', 'int8', '--calibrate', str(RECORDING)),
            '--encoder float. Got int8: there each',
        ),
        (('--target', 'attention'), '--attention goes with --target c'),
    ],
    ids=['none', 'int8', 'attention'],
)
def test_what_has_no_map_is_refused(more, said, tmp_path, capsys):
    assert main(['export', 'car_lane', '--attention', *more, '--out', str(tmp_path / 'out')]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_policy_without_the_graph_is_told_how_to_get_it(tmp_path, capsys):
    shipped = read_bundle(find_policy('car_lane'))
    old = write_bundle(tmp_path / 'old', shipped.spec, shipped.weights, shipped.encoder, shipped.core)
    assert main(['export', str(old), '--target', 'c', '--attention', '--out', str(tmp_path / 'out')]) == 2
    assert f'lnn export {old} --target attention' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_who_asks_for_no_map_gets_nothing_of_it(tmp_path):
    assert main(['export', 'car_lane', '--target', 'c', '--out', str(tmp_path)]) == 0
    for file in tmp_path.iterdir():
        assert 'attention' not in file.read_text().lower(), file.name


def test_choices_are_settled():
    text = 'a\n#if X\nb\n#endif\n#if X\nc\n#else\nd\n#endif\n#if X > 0\ne\n#endif\n'
    assert choose(text, 'X', True) == 'a\nb\nc\n#if X > 0\ne\n#endif\n'
    assert choose(text, 'X', False) == 'a\nd\n#if X > 0\ne\n#endif\n'
