"""A readout over the motor neurons alone, and one that is made to prefer them."""

import torch

from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.module import PolicyModule
from lnn_controller.liquid import auto_ncp, make_cell
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.liquid.network import PolicyNetwork


def trained(readout='all', l1=0.0, *, frozen=False):
    torch.manual_seed(0)
    cell = make_cell('ncp_cfc', input_size=4, wiring=auto_ncp(4, 12, 2))
    network = PolicyNetwork(encoder=ConvEncoder(48, 48, 4), cell=cell, channels=2, imu_scale=None, time_scale=50.0)
    if frozen:
        network.requires_grad_(False)
        network.readout.requires_grad_(True)
    module = PolicyModule(network, TrainConfig(readout=readout, readout_l1=l1), {})
    before = network.readout.weight.detach().clone()
    learning = [each for each in network.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learning, 1e-2)
    features, dt = torch.randn(4, 6, 4), torch.full((4, 6), 0.02)
    for _ in range(30):
        optimizer.zero_grad()
        loss = module.loss(network(features, None, dt), features[..., :2]) + module.penalty()
        loss.backward()
        optimizer.step()
    return before, network.readout.weight.detach(), features, network


def test_motor_neurons_alone_are_read_and_learn():
    for frozen in (False, True):
        before, after, _, network = trained('motor', frozen=frozen)
        assert not after[:, 2:].any()
        assert (after[:, :2] != before[:, :2]).all()
        neurons = torch.randn(3, 12)
        others = torch.cat([neurons[:, :2], torch.randn(3, 10)], 1)
        assert torch.equal(network.read(neurons), network.read(others))


def test_all_neurons_are_read_without():
    before, after, _, _ = trained()
    assert (after != before).all()


def test_the_penalty_is_on_the_other_neurons():
    _, free, _, _ = trained()
    _, held, _, _ = trained(l1=0.5)
    assert held[:, 2:].abs().sum() < 0.5 * free[:, 2:].abs().sum()
    assert held[:, :2].abs().sum() > 0.5 * free[:, :2].abs().sum()
