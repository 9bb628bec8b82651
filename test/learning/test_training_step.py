"""A training step gives what the same arithmetic gives that saves neither time nor memory."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from made_episode import make_episode

from lnn_controller.learning import augment, module
from lnn_controller.learning.augment import Augment
from lnn_controller.learning.build import build_network, new_spec
from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.module import PolicyModule, encode
from lnn_controller.learning.windows import Windows
from lnn_controller.policy.spec import ImageSpec


def test_the_gradients_are_those_of_each_frame_by_itself_with_nothing_in_place(monkeypatch):
    episode = make_episode(200)
    config = TrainConfig(steps=1, epochs=1)
    spec = new_spec('some', config, ImageSpec(*episode.images.shape[1:3]), [episode])
    batch = next(iter(Windows([episode], config)))
    found = {}
    for frames_at_once, in_place in ((module.FRAMES_AT_ONCE, True), (1, False)):
        monkeypatch.setattr(module, 'FRAMES_AT_ONCE', frames_at_once)
        trained = PolicyModule(build_network(spec, 0), config, {})
        for layer in trained.modules():
            if isinstance(layer, torch.nn.ReLU):
                assert layer.inplace
                layer.inplace = in_place
        loss = trained.training_step(batch, 0)
        loss.backward()
        found[in_place] = [loss, encode(trained.network, batch)]
        found[in_place] += [each.grad for each in trained.network.parameters() if each.grad is not None]
    assert batch.frames.flatten(0, 1).shape[0] > 2 * 32
    torch.testing.assert_close(found[True], found[False], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('values', [5_000, 1_300])
def test_noise_is_read_on_from_the_start_of_its_bank_where_it_ends(values, monkeypatch):
    monkeypatch.setattr(augment, '_NOISE_BANK', values)
    flat = np.full((10, 100, 3), 128, np.uint8)
    for seed in range(8):
        changed = Augment('mild', np.random.default_rng(seed))._add_noise(flat, 0.1)
        rng = np.random.default_rng(seed)
        bank = rng.standard_normal(values, dtype=np.float32)
        noise = np.resize(np.roll(bank, -int(rng.integers(values))), flat.shape)
        np.testing.assert_array_equal(changed, cv2.addWeighted(flat, 1.0, noise, 25.5, 0.0, dtype=cv2.CV_8U))


# How many pages a step's memory brings, the second time that it is asked for and freed; before and after.
FAULTS = """
import resource
import torch
from lnn_controller.learning.fit import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(2**20) for _ in range(30)]
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
keep_freed_memory()
faults()
print(faults())
"""


def test_memory_that_a_step_freed_is_there_for_the_next_one():
    done = subprocess.run([sys.executable, '-c', FAULTS], check=True, capture_output=True, text=True)
    before, kept = map(int, done.stdout.split())
    assert 10 * kept < before
