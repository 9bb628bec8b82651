"""The encoder in C against ONNX Runtime and PyTorch, on a recording, in every arithmetic that it is built for."""

import ctypes
import subprocess
from pathlib import Path
from shutil import which

import numpy as np
import pytest
import torch
from bundles import tiny_spec
from compiled import COMPILER, STRICT, needs_compiler

import lnn_controller.export.c
from lnn_controller.cli import main as lnn
from lnn_controller.data.episode import read_episode
from lnn_controller.errors import InputError
from lnn_controller.export.c import encoder_int8_source, encoder_source
from lnn_controller.export.c.network import Network, read_network
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.policy import ImageSpec, NetworkSpec, Policy, find_policy, fit_frame, read_bundle

CPU = Path('/proc/cpuinfo').read_text() if Path('/proc/cpuinfo').exists() else ''
ARM_COMPILER, ARM = 'aarch64-linux-gnu-gcc', 'qemu-aarch64'
PLAIN, FUSED = ('-O2',), ('-O2', '-DLNN_FUSED', '-mavx2', '-mfma')
RECORDING = Path(__file__).parents[1] / 'data' / 'real_car_cut'
needs_fma = pytest.mark.skipif(
    not {'avx2', 'fma'}.issubset(CPU.split()), reason='the processor has no AVX2 and FMA, which lanes are made for'
)
pytestmark = [needs_compiler, pytest.mark.slow]


class Built:
    """An encoder, compiled: called with frames as :class:`Policy` is."""

    def __init__(self, network, folder, *flags, main=None, encoder=None, compiler=COMPILER):
        self.spec, self.encoder = network.spec, encoder or encoder_source(network)
        folder.mkdir(exist_ok=True)
        name, features = network.name, self.spec.network.features
        header = f'#include <stdint.h>\n#define {name.upper()}_FEATURES {features}\n'
        header += f'void {name}_encode(const uint8_t *rgb, float features[{features}], void *scratch);\n'
        (folder / f'{network.name}.h').write_text(header)
        (folder / 'encoder.c').write_text(self.encoder.source)
        shared = () if main else ('-shared', '-fPIC')
        if main:
            (folder / 'main.c').write_text(main)
        templates = Path(lnn_controller.export.c.__path__[0])
        sources = [folder / 'main.c' if main else folder / 'encoder.c']
        self.file = folder / 'encoder.so'
        command = [
            compiler,
            *STRICT,
            *flags,
            *shared,
            f'-I{folder}',
            f'-I{templates}',
            *sources,
            '-o',
            self.file,
            '-lm',
        ]
        subprocess.run(command, check=True)
        if not main:
            self.function = getattr(ctypes.CDLL(str(self.file)), f'{network.name}_encode')

    def encode(self, frame):
        features = np.zeros(self.spec.network.features, np.float32)
        scratch = np.zeros(self.encoder.fused_scratch_bytes // 4, np.float32)
        frame = np.ascontiguousarray(frame)
        self.function(*(ctypes.c_void_p(array.ctypes.data) for array in (frame, features, scratch)))
        return features


def made_network(height, width, features, seed=0):
    """A network with PyTorch's own first weights, and the module that they are of."""
    torch.manual_seed(seed)
    module = ConvEncoder(height, width, features)
    weights = {f'encoder.{name}': tensor.numpy() for name, tensor in module.state_dict().items()}
    spec = tiny_spec(image=ImageSpec(height, width), network=NetworkSpec('cfc', 5, 5, features, time_scale=1.0))
    return Network(spec, weights, 'made'), module


def recorded(image, count=6):
    """Frames of the real car, and what a camera gives at its worst: black, white, noise."""
    frames = read_episode(RECORDING, image=ImageSpec(120, 160)).images
    chosen = [fit_frame(frame, image) for frame in frames[:: max(1, len(frames) // count)]]
    shape = chosen[0].shape
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return [*chosen, np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), noise]


@pytest.mark.parametrize('name', ['car_lane', 'drone_forest', 'real_car'])
def test_features_are_those_of_onnxruntime(name, tmp_path):
    policy = Policy.load(name, runtime='onnx')
    network = read_network(read_bundle(find_policy(name)))
    builds = [Built(network, tmp_path / 'plain', *PLAIN)]
    if {'avx2', 'fma'}.issubset(CPU.split()):
        builds.append(Built(network, tmp_path / 'fused', *FUSED))
    frames = recorded(policy.spec.image)
    wanted = np.array([policy.encode(frame) for frame in frames])
    assert np.ptp(wanted[:6], axis=0).max() > 0.1  # else any constant would do
    for built in builds:
        np.testing.assert_allclose([built.encode(frame) for frame in frames], wanted, atol=5e-5, rtol=0)


# The smallest frame that the network takes; rows of every length modulo a part's; features that fill no block.
@pytest.mark.parametrize(('height', 'width', 'features'), [(47, 47, 5), (51, 91, 40)])
def test_any_size_is_that_of_pytorch(height, width, features, tmp_path):
    network, module = made_network(height, width, features)
    frames = np.random.default_rng(1).integers(0, 256, (4, height, width, 3), np.uint8)
    with torch.no_grad():
        wanted = module(torch.from_numpy(frames)).numpy()
    built = Built(network, tmp_path, *PLAIN)
    np.testing.assert_allclose([built.encode(frame) for frame in frames], wanted, atol=5e-6, rtol=0)


def bits(built, frames):
    return np.array([built.encode(frame) for frame in frames]).view(np.uint32)


@needs_fma
def test_plain_arithmetic_has_the_same_bits_however_it_is_compiled(tmp_path):
    network, _ = made_network(51, 91, 12)
    frames = recorded(network.spec.image)
    first, *others = (
        Built(network, tmp_path / f'{n}', *flags)
        for n, flags in enumerate([PLAIN, ('-O0',), ('-O3', '-mavx2', '-mfma')])
    )
    for other in others:
        np.testing.assert_array_equal(bits(first, frames), bits(other, frames))


# The second has more values than their sums of squares find place for in 32 bits.
@needs_fma
@pytest.mark.parametrize(('height', 'width'), [(51, 91), (47, 4001)])
def test_fused_arithmetic_has_the_same_bits_with_and_without_lanes(height, width, tmp_path):
    network, _ = made_network(height, width, 12)
    frames = recorded(network.spec.image)
    frames.append(np.random.default_rng(1).integers(240, 256, frames[0].shape, np.uint8))  # the largest sums
    lanes, single = (
        Built(network, tmp_path / 'lanes', *FUSED),
        Built(network, tmp_path / 'single', '-O2', '-DLNN_FUSED'),
    )
    np.testing.assert_array_equal(bits(lanes, frames), bits(single, frames))


MAIN = """#include "encoder.c"
#include <stdio.h>
#include <stdlib.h>
int main(int count, char **of) {
    uint8_t *frame = malloc(H0 * W0 * C0);
    float *features = malloc(POLICY_FEATURES * sizeof *features);
    void *scratch = malloc(SCRATCH);
    FILE *file = fopen(of[count - 1], "rb");
    if (!file || fread(frame, 1, H0 * W0 * C0, file) != H0 * W0 * C0) return 1;
    policy_encode(frame, features, scratch);
    for (int i = 0; i < POLICY_FEATURES; i++) printf("%a ", (double)features[i]);
    fclose(file);
    free(frame);
    free(features);
    free(scratch);
    return 0;
}
"""


def run_on(frame, folder, program):
    (folder / 'frame').write_bytes(frame.tobytes())
    done = subprocess.run([*program, folder / 'frame'], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [float.fromhex(number) for number in done.stdout.split()]


def main_of(network, size):
    names = MAIN.replace('policy_', f'{network.name}_').replace('POLICY_', f'{network.name.upper()}_')
    return names.replace('SCRATCH', str(size))


@needs_fma
@pytest.mark.skipif(not (which(ARM_COMPILER) and which(ARM)), reason=f'needs {ARM_COMPILER} and {ARM}')
def test_neon_has_the_bits_of_avx(tmp_path):
    network, _ = made_network(51, 91, 12)
    main = main_of(network, encoder_source(network).fused_scratch_bytes)
    flags = ('-O2', '-DLNN_FUSED', '-static')
    arm = Built(network, tmp_path / 'arm', *flags, main=main, compiler=ARM_COMPILER)
    here = Built(network, tmp_path / 'here', *FUSED)
    for frame in recorded(network.spec.image)[::3]:
        np.testing.assert_array_equal(run_on(frame, tmp_path, [ARM, arm.file]), here.encode(frame))


def quantized(network):
    return encoder_int8_source(network, np.stack(recorded(network.spec.image, 40)))


@pytest.mark.parametrize(
    ('flags', 'made'),
    [(PLAIN, encoder_source), pytest.param(FUSED, encoder_source, marks=needs_fma), (PLAIN, quantized)],
    ids=['plain', 'fused', 'int8'],
)
def test_it_stays_within_its_scratch_and_its_numbers(flags, made, tmp_path):
    network, _ = made_network(51, 91, 10)
    encoder = made(network)
    size = encoder.fused_scratch_bytes if '-DLNN_FUSED' in flags else encoder.scratch_bytes
    # -O0: optimised, the checks in unrolled loops take the compiler half a minute.
    checks = ('-O0', '-fsanitize=address,undefined', '-fno-sanitize-recover=all')
    checked = Built(network, tmp_path, *flags, *checks, main=main_of(network, size), encoder=encoder)
    again = Built(network, tmp_path / 'again', *flags, encoder=encoder)
    for frame in recorded(network.spec.image)[-3:]:
        found = run_on(frame, tmp_path, [checked.file])
        np.testing.assert_array_equal(found, again.encode(frame))


def test_values_of_8_bits_are_near_enough(tmp_path):
    policy = Policy.load('real_car', runtime='onnx')
    network = read_network(read_bundle(find_policy('real_car')))
    frames = np.stack(recorded(policy.spec.image, 80)[:-3])
    encoder = encoder_int8_source(network, frames[::2])
    built = Built(network, tmp_path, *PLAIN, encoder=encoder)
    wrong = np.array([built.encode(frame) - policy.encode(frame) for frame in frames[1::2]])
    assert np.abs(wrong).mean() < 0.002
    assert np.abs(wrong).max() < 0.05
    assert encoder.scratch_bytes < encoder_source(network).scratch_bytes / 3


@pytest.mark.parametrize('silent', [slice(None), slice(0, 1)], ids=['layer', 'channel'])
def test_values_of_8_bits_where_nothing_was_above_zero(silent, tmp_path):
    network, _ = made_network(51, 91, 10)
    weights = dict(network.weights)
    for part in ('weight', 'bias'):
        weights[f'encoder.convolutions.2.{part}'] = np.array(weights[f'encoder.convolutions.2.{part}'])
        weights[f'encoder.convolutions.2.{part}'][silent] = 0
    network = Network(network.spec, weights, 'made')
    whole = Built(network, tmp_path / 'int8', *PLAIN, encoder=quantized(network))
    exact = Built(network, tmp_path / 'float', *PLAIN)
    for frame in recorded(network.spec.image):
        np.testing.assert_allclose(whole.encode(frame), exact.encode(frame), rtol=0, atol=0.05)


def test_values_of_8_bits_need_frames():
    network, _ = made_network(51, 91, 10)
    with pytest.raises(InputError, match=r'measured on at least 30 frames. Got 3'):
        encoder_int8_source(network, np.zeros((3, 51, 91, 3), np.uint8))


def test_int8_is_exported_with_a_recording(tmp_path, capsys):
    command = ['export', 'real_car', '--target', 'c', '--encoder', 'int8', '--out', str(tmp_path)]
    assert lnn(command) == 2
    assert '--encoder int8 and --calibrate BAG… must come together. Got none of them' in capsys.readouterr().err
    assert lnn([*command, '--calibrate', str(RECORDING)]) == 0
    done = subprocess.run(['make', 'check'], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.endswith('\ngood\n')


def test_it_needs_nothing_else(tmp_path):
    network, _ = made_network(53, 88, 12)
    built = Built(network, tmp_path, *PLAIN)
    command = [COMPILER, *STRICT, '-O2', '-ffreestanding', '-c', tmp_path / 'encoder.c', f'-I{tmp_path}']
    command += [f'-I{Path(lnn_controller.export.c.__path__[0])}', '-o', tmp_path / 'encoder.o']
    subprocess.run(command, check=True)
    undefined = subprocess.run(['nm', '-u', tmp_path / 'encoder.o'], capture_output=True, text=True, check=True)
    assert undefined.stdout == ''
    assert built.encoder.scratch_bytes < built.encoder.fused_scratch_bytes


def test_other_weights_are_refused():
    network, _ = made_network(53, 88, 12)
    with pytest.raises(InputError, match=r'must hold "encoder.convolutions.2.weight", \(16, 16, 3, 3\).* Got none'):
        encoder_source(Network(network.spec, {k: v for k, v in network.weights.items() if '.2.' not in k}, 'made'))


def test_a_frame_too_large_for_its_sums():
    network, _ = made_network(53, 88, 12)
    spec = tiny_spec(image=ImageSpec(53, 30_000))
    with pytest.raises(InputError, match=r'at most 11000 px wide .* Got 53×30000'):
        encoder_source(Network(spec, network.weights, 'made'))
