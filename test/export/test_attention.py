"""The graph of the map of attention against VisualBackProp as its paper has it, written out once more."""

import numpy as np
import pytest
import torch
from bundles import make_tiny_bundle
from torch.nn import functional

from lnn_controller.cli import main
from lnn_controller.export.attention import VisualBackProp, add_attention
from lnn_controller.learning.build import load_network
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.policy import Policy, find_policy, read_bundle, write_bundle

pytestmark = pytest.mark.slow


def visual_back_prop(encoder, frame):
    """Section 3, with sums where kernels overlap divided by how many do."""
    flat = frame.flatten(1).float()
    x = functional.layer_norm(flat, flat.shape[1:], eps=1.0).view(frame.shape).permute(0, 3, 1, 2)
    layers, averages, sizes = [], [], [x.shape[2:]]
    for layer in list(encoder.convolutions)[:-1]:
        x = layer(x)
        if isinstance(layer, torch.nn.Conv2d):
            layers.append(layer)
        else:
            averages.append(x.mean(1, keepdim=True))
            sizes.append(x.shape[2:])
    seen = averages[-1]
    for number in reversed(range(len(layers))):
        ones, stride = torch.ones(1, 1, *layers[number].kernel_size), layers[number].stride
        least = [(d - 1) * s + k for d, s, k in zip(seen.shape[2:], stride, ones.shape[2:], strict=True)]
        rest = [whole - each for whole, each in zip(sizes[number], least, strict=True)]
        spread = functional.conv_transpose2d(seen, ones, stride=stride, output_padding=rest)
        overlap = functional.conv_transpose2d(torch.ones_like(seen), ones, stride=stride, output_padding=rest)
        seen = spread / overlap.clamp_min(1.0)
        seen = seen * averages[number - 1] if number else seen
    return (seen / seen.max())[0, 0]


@pytest.mark.parametrize('size', [(53, 200), (48, 64), (72, 128)])
def test_it_is_visual_back_prop(size):
    torch.manual_seed(0)
    encoder = ConvEncoder(*size, 8).eval()
    frame = torch.randint(0, 256, (1, *size, 3), dtype=torch.uint8)
    with torch.no_grad():
        found, wanted = VisualBackProp(encoder, frame)(frame), visual_back_prop(encoder, frame)
    assert found.shape == (1, *size)
    np.testing.assert_allclose(found[0].numpy(), wanted.numpy(), atol=1e-5)


def test_a_bundle_of_an_earlier_version_gets_one(tmp_path):
    shipped = read_bundle(find_policy('car_lane'))
    old = write_bundle(tmp_path / 'old', shipped.spec, shipped.weights, shipped.encoder, shipped.core)
    assert not Policy.load(old).has_attention
    add_attention(read_bundle(old), load_network(read_bundle(old)).encoder, old)
    now = read_bundle(old)
    assert (now.weights, now.encoder, now.core) == (shipped.weights, shipped.encoder, shipped.core)
    height, width = now.spec.image.height, now.spec.image.width
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = Policy.load(old).attention(frame)
    assert found.shape == (height, width)
    assert (found.min(), found.max()) == (pytest.approx(0.0, abs=0.05), pytest.approx(1.0))
    np.testing.assert_allclose(found, Policy.load('car_lane').attention(frame), atol=1e-4)  # the one that ships


def test_a_bundle_without_our_weights_gets_none(tmp_path, capsys):
    tiny = make_tiny_bundle(tmp_path / 'tiny', height=48, width=48)
    assert main(['export', str(tiny), '--target', 'attention', '--out', str(tmp_path / 'out')]) == 2
    assert "Got 'leaky_integrator'" in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
