"""The whole policy network: encoder, liquid cell, linear readout over the liquid state."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnn_controller.liquid.cell import Cell
from lnn_controller.liquid.encoder import ConvEncoder
from lnn_controller.liquid.sequence import Sequence

__all__ = ['PolicyNetwork', 'StepOutput']


class StepOutput(NamedTuple):
    """
    One step of the core.

    :param command: in physical units, (B, C)
    :param hx: next state, (B, S)
    :param basis: states of the liquid neurons, which the readout is linear in, (B, N)
    :param time_constants: effective time constants, s, (B, N); none where the cell has none
    """

    command: Tensor
    hx: Tensor
    basis: Tensor
    time_constants: Tensor | None


class PolicyNetwork(nn.Module):
    """
    Frames and IMU in, commands out.

    The readout is linear over **all** liquid neurons, not over the motor neurons alone: a linear readout of the full
    state is what online adaptation needs as its basis (Kobayashi 2026), and it gives the encoder a short gradient path.
    :meth:`read_motor_neurons_alone` is the readout of the NCP paper.

    :param encoder: frame → features
    :param cell: any cell of :mod:`lnn_controller.liquid`; its input is features, then IMU where there is one
    :param channels: number C of command channels
    :param imu_scale: what becomes 1 at the cell's input, gyro (rad/s) and accelerometer (m/s²); ``None`` for a network
        without IMU
    :param time_scale: network time per second, 1/s. A cell's gates and time constants start near one unit of network
        time, so the training's typical control period should be about one unit.
    """

    imu_divisor: Tensor
    command_mean: Tensor
    command_scale: Tensor

    def __init__(
        self,
        *,
        encoder: ConvEncoder,
        cell: Cell,
        channels: int,
        imu_scale: tuple[float, float] | None,
        time_scale: float,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.sequence = Sequence(cell)
        self.readout = nn.Linear(cell.units, channels)
        self.time_scale = time_scale
        self.has_imu = imu_scale is not None
        gyro, accel = imu_scale or (1.0, 1.0)
        self.register_buffer('imu_divisor', torch.tensor([gyro] * 3 + [accel] * 3))
        # Set from the demonstrations, so that the readout works at unit scale whatever the robot's speed.
        self.register_buffer('command_mean', torch.zeros(channels))
        self.register_buffer('command_scale', torch.ones(channels))

    @property
    def cell(self) -> Cell:
        """The liquid cell."""
        return self.sequence.cell

    def read_motor_neurons_alone(self) -> None:
        """Zero the weights by which the readout reads other neurons than the motor ones, and let none of them learn."""
        weight, motor = self.readout.weight, self.cell.output_size
        with torch.no_grad():
            weight[:, motor:] = 0.0
        # Not a module of another shape: whoever reads the weights (exporters, adaptation) need not know of it.
        weight.register_hook(  # type: ignore[no-untyped-call]
            lambda gradient: functional.pad(gradient[:, :motor], (0, gradient.shape[1] - motor))
        )

    def encode(self, frames: Tensor) -> Tensor:
        """
        Encode frames.

        :param frames: rgb8, uint8, (B, H, W, 3)
        :returns: features, (B, F)
        """
        features: Tensor = self.encoder(frames)
        return features

    def core(self, features: Tensor, imu: Tensor | None, hx: Tensor, dt: Tensor) -> StepOutput:
        """
        Advance by one control period.

        :param features: of the newest frame, (B, F)
        :param imu: gyro (rad/s) and accelerometer (m/s²), unscaled, (B, 6), or none
        :param hx: state, (B, S)
        :param dt: time since the last step, s, (B, 1)
        :returns: command, next state, basis and time constants
        """
        step = self.cell.step(self.inputs(features, imu), hx, dt * self.time_scale)
        tau = step.time_constants
        tau = None if tau is None else tau / self.time_scale
        return StepOutput(self.read(step.neurons), step.hx, step.neurons, tau)

    def forward(
        self, features: Tensor, imu: Tensor | None, dt: Tensor, hx: Tensor | None = None, lengths: Tensor | None = None
    ) -> Tensor:
        """
        Run whole sequences.

        :param features: of the newest frame at each tick, (B, T, F)
        :param imu: unscaled, (B, T, 6), or none
        :param dt: time since the previous tick, s, (B, T)
        :param hx: state before the first tick, (B, S); the cell's initial state when left out
        :param lengths: valid ticks of each sequence, (B,); all T when left out
        :returns: commands in physical units, (B, T, C)
        """
        return self.read(self.neurons(features, imu, dt, hx, lengths))

    def neurons(
        self, features: Tensor, imu: Tensor | None, dt: Tensor, hx: Tensor | None = None, lengths: Tensor | None = None
    ) -> Tensor:
        """
        Run whole sequences, as :meth:`forward` does, up to the neurons.

        :param features: as there
        :param imu: as there
        :param dt: as there
        :param hx: as there
        :param lengths: as there
        :returns: states of all liquid neurons, (B, T, N)
        """
        x = self.inputs(features, imu)
        neurons: Tensor = self.sequence(x, dt * self.time_scale, hx, lengths=lengths, return_neurons=True)[2]
        return neurons

    def inputs(self, features: Tensor, imu: Tensor | None) -> Tensor:
        """
        Concatenate features and scaled IMU, as the cell takes them.

        :param features: of the newest frame, (…, F)
        :param imu: unscaled, (…, 6), or none
        :returns: inputs of the cell, (…, I)
        :raises ValueError: if the network has an IMU and none is given
        """
        if not self.has_imu:
            return features
        if imu is None:
            raise ValueError('this network was built with an IMU: imu must be (…, 6). Got None')
        return torch.cat([features, imu / self.imu_divisor], -1)

    def read(self, neurons: Tensor) -> Tensor:
        """
        Read commands out of the liquid neurons.

        :param neurons: their states, (…, N)
        :returns: commands in physical units, (…, C)
        """
        commands: Tensor = self.command_mean + self.command_scale * self.readout(neurons)
        return commands
