import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.patches import FancyArrowPatch

from lnn_controller.errors import InputError
from lnn_controller.liquid import auto_ncp, fully_connected
from lnn_controller.liquid.draw import EXCITATORY, INHIBITORY, LAYER_COLOURS, draw_wiring


@pytest.mark.parametrize('wiring', [auto_ncp(12, 19, 3), fully_connected(3, 5, 2)], ids=['ncp', 'full'])
@pytest.mark.slow
def test_the_picture_has_every_layer_and_polarity(wiring, tmp_path):
    path = tmp_path / 'wiring.png'
    draw_wiring(wiring, path)
    pixels = imread(path)[..., :3].reshape(-1, 3)
    roles = ['sensory', *dict.fromkeys(wiring.roles)]
    for colour in [LAYER_COLOURS[role] for role in roles]:
        assert (np.abs(pixels - to_rgb(colour)).max(1) < 0.02).sum() > 50, colour
    assert (pixels.min(1) < 0.9).mean() > 0.02


def test_each_synapse_is_drawn_once_in_its_colour():
    wiring = auto_ncp(4, 9, 2, seed=5)
    axes = draw_wiring(wiring, title='mine').axes[0]
    colours = [p.get_edgecolor()[:3] for p in axes.patches if isinstance(p, FancyArrowPatch)]
    colours += [to_rgb(line.get_color()) for line in axes.lines]  # rings: synapses of a neuron onto itself
    for polarity, colour in ((1, EXCITATORY), (-1, INHIBITORY)):
        there = (wiring.adjacency == polarity).sum() + (wiring.sensory_adjacency == polarity).sum()
        assert colours.count(to_rgb(colour)) == there
    assert axes.get_title() == 'mine'


def test_a_picture_that_cannot_be_written(tmp_path):
    wiring = auto_ncp(4, 6, 2)
    with pytest.raises(InputError, match='writable'):
        draw_wiring(wiring, tmp_path / 'missing' / 'w.png')
    with pytest.raises(InputError, match='writable'):
        draw_wiring(wiring, tmp_path / 'w.xyz')


@pytest.mark.slow
def test_matplotlib_is_loaded_only_to_draw():
    code = 'import sys, lnn_controller.liquid.draw, lnn_controller.liquid; sys.exit("matplotlib" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
