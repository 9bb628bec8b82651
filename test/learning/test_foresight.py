"""The commands of later moments, which a throw-away readout of the neurons learns."""

import pytest
import torch

from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.module import FORESEEN, PolicyModule, later
from lnn_controller.learning.windows import Batch
from lnn_controller.liquid.cells import make_cell
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.liquid.network import PolicyNetwork

DT_S = torch.tensor([[0.1, 0.2, 0.1, 0.3, 0.3], [0.2, 0.2, 0.2, 0.2, 0.2]])
# The second window is shorter: its last two ticks are padding.
MASK = torch.tensor([[1.0, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def batch_of(command):
    frames = torch.zeros(2, 1, 47, 47, 3, dtype=torch.uint8)
    return Batch(frames, torch.zeros(2, 5, dtype=torch.int64), None, DT_S, command, MASK)


def module_with(**chosen):
    torch.manual_seed(0)
    network = PolicyNetwork(
        encoder=ConvEncoder(47, 47, 4), cell=make_cell('lstm', input_size=4, units=6, outputs=2), channels=2,
        imu_scale=None, time_scale=10.0,
    )  # fmt: skip
    return PolicyModule(network, TrainConfig(**chosen), {})


def test_what_is_commanded_later_is_that_of_the_first_tick_that_is_so_much_later():
    batch = batch_of(torch.arange(10.0).reshape(2, 5, 1))
    command, mask = later(batch, 0.25)
    # At 0.1, 0.3, 0.4, 0.7 and 1.0 s; and every 0.2 s up to 0.6 s.
    assert mask.tolist() == [[1, 1, 1, 1, 0], [1, 0, 0, 0, 0]]
    assert command[0, :4, 0].tolist() == [2, 3, 3, 4]
    assert command[1, 0, 0] == 7


def test_foresight_is_the_error_of_the_commands_to_come():
    command = torch.tensor([0.5, -1.0]).expand(2, 5, 2)
    module = module_with(foresight_s=1.0)
    neurons = torch.randn(2, 5, 6)
    with torch.no_grad():
        module.foresight.weight.zero_()
        module.foresight.bias.copy_(torch.tensor([0.5, -1.0]).repeat(FORESEEN))
    assert module.foresight_loss(neurons, batch_of(command)).detach() == pytest.approx(0.0, abs=1e-12)
    # Off by 1 in half of the moments.
    with torch.no_grad():
        module.foresight.bias[: len(module.foresight.bias) // 2] += 1.0
    assert module.foresight_loss(neurons, batch_of(command)).detach() == pytest.approx(0.5)
    assert module_with().foresight_loss(neurons, batch_of(command)) == 0.0


def test_training_pays_for_what_is_kept_long_before_it_is_needed():
    """At the first tick of a window, where nothing has to be commanded yet, with foresight alone."""
    reached = []
    for foresight_s in (0.0, 0.8):
        module = module_with(foresight_s=foresight_s, encoder_loss=0.0)
        features = torch.zeros(2, 5, 4, requires_grad=True)
        neurons = module.network.neurons(features, None, DT_S)
        loss = module.foresight_loss(neurons, batch_of(torch.ones(2, 5, 2)))
        reached.append(bool(loss.requires_grad) and float(torch.autograd.grad(loss, features)[0][:, 0].abs().sum()))
    assert reached[0] is False
    assert reached[1] > 0
