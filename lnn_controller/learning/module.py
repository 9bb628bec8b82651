"""The Lightning module: loss, optimiser and validation of one policy network."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.held_out import HeldOut, Predicted, predict
from lnn_controller.learning.windows import Batch
from lnn_controller.liquid.gradients import clip_gradients
from lnn_controller.liquid.network import PolicyNetwork

__all__ = ['FRAMES_AT_ONCE', 'PolicyModule', 'at_ticks', 'encode', 'later']

# Frames are encoded in chunks of so many. The activations of hundreds at once fall out of the processor's cache, and go
# back to the kernel after each step, which clears every page of them for the next: 1.5 times the processor time.
FRAMES_AT_ONCE = 32

FORESEEN = 4  # moments, evenly up to ``foresight_s``


class PolicyModule(lightning.LightningModule):
    """
    Behaviour cloning with a weighted squared error.

    Two things make a liquid network learn as reliably as a feed-forward one here: the readout sees all liquid neurons,
    and a throw-away linear readout of the *features* (its loss weighted by ``encoder_loss``) trains the encoder
    directly, while the cell's gradients are still small and noisy.

    Where what was seen tells what to do much later, only few ticks say so: a demonstrator turns, and picture and
    gyroscope tell it from then on. So with ``foresight_s`` a throw-away linear readout of the *neurons* learns the
    commands of later moments at every tick: an auxiliary task, as of Jaderberg et al. (*Reinforcement learning with
    unsupervised auxiliary tasks*, ICLR 2017), which pays for a memory from the moment when it is made.

    :param network: the policy network; with ``readout`` of ``motor`` its readout is made one over these neurons alone
    :param config: learning rates, loss weights, steps, readout
    :param validation: sequences never trained on, by name of the part; the parts count equally
    """

    def __init__(
        self, network: PolicyNetwork, config: TrainConfig, validation: Mapping[str, Sequence[HeldOut]]
    ) -> None:
        super().__init__()
        if config.readout == 'motor':
            network.read_motor_neurons_alone()
        self.network = network
        self.config = config
        self.encoder_readout = nn.Linear(network.encoder.features, network.readout.out_features)
        foreseen = FORESEEN * network.readout.out_features
        self.foresight = nn.Linear(network.cell.units, foreseen) if config.foresight_s else None
        self.validation = dict(validation)
        self.history: list[dict[str, float]] = []
        self.dropped_steps = 0

    def loss(self, predicted: Tensor, demonstrated: Tensor, mask: Tensor | None = None) -> Tensor:
        """
        Compute the squared error in units of the command's deviation; rare, large commands count for more.

        :param predicted: the network's commands, (…, C)
        :param demonstrated: the demonstrated ones, (…, C)
        :param mask: 1 where a tick counts, 0 where it does not, (…); all count when left out
        :returns: weighted mean, a scalar
        """
        mean, scale = self.network.command_mean, self.network.command_scale
        target, predicted = (demonstrated.to(mean.device) - mean) / scale, (predicted.to(mean.device) - mean) / scale
        weight = (1 + target.abs()).clamp(max=4.0)
        weight = weight if mask is None else weight * mask[..., None]
        return (weight * (predicted - target).square()).sum() / weight.sum().clamp(min=1.0)

    def error(self, predicted: Predicted) -> float:
        """
        Compute the loss over sequences that were held out.

        :param predicted: the network's commands and the demonstrated ones
        :returns: weighted mean
        """
        return float(self.loss(predicted.commands, predicted.demonstrated))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """
        Compute one optimiser step's loss.

        :param batch: windows
        :returns: loss of the commands and, weighted, of the throw-away readout, a scalar
        """
        features = encode(self.network, batch)
        neurons = self.network.neurons(features, batch.imu, batch.dt_s)
        loss = self.loss(self.network.read(neurons), batch.command, batch.mask)
        self.log('train_loss', loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(batch.dt_s))
        if self.config.encoder_loss > 0:
            readout = self.network.command_mean + self.network.command_scale * self.encoder_readout(features)
            loss = loss + self.config.encoder_loss * self.loss(readout, batch.command, batch.mask)
        return loss + self.foresight_loss(neurons, batch) + self.penalty()

    def foresight_loss(self, neurons: Tensor, batch: Batch) -> Tensor:
        """
        Compute the loss of the commands that the throw-away readout of the neurons foresees.

        :param neurons: their states, (B, T, N)
        :param batch: windows
        :returns: mean over the moments, a scalar; 0 without ``foresight_s``
        """
        if self.foresight is None:
            return neurons.new_zeros(())
        foreseen = self.foresight(neurons).chunk(FORESEEN, dim=-1)
        losses = []
        for number, each in enumerate(foreseen, 1):
            command, mask = later(batch, self.config.foresight_s * number / FORESEEN)
            predicted = self.network.command_mean + self.network.command_scale * each
            losses.append(self.loss(predicted, command, mask))
        return torch.stack(losses).mean()

    def penalty(self) -> Tensor:
        """
        Compute the L1 penalty on the readout's weights of inter and command neurons.

        :returns: weighted by ``readout_l1``, a scalar
        """
        return self.config.readout_l1 * self.network.readout.weight[:, self.network.cell.output_size :].abs().sum()

    def validation_step(self, *_: Any) -> None:
        """Run whole episodes, from a fresh state to their end, and log their losses."""
        total = 0.0
        for name, part in self.validation.items():
            loss = self.error(predict(self.network, part))
            total += loss / len(self.validation)
            self.log(f'{name}_loss', loss, prog_bar=True, batch_size=1)
        # What early stopping and the choice of weights look at.
        self.log('val_score', total, batch_size=1)

    def on_validation_epoch_end(self) -> None:
        """Keep the history for the loss curve."""
        metrics = self.trainer.callback_metrics
        self.history.append({name: float(metrics[f'{name}_loss']) for name in self.validation})

    def on_train_epoch_start(self) -> None:
        """Add the last epoch's training loss, known only now: validation came before its end."""
        if self.history and 'train_loss' in self.trainer.callback_metrics:
            self.history[-1]['train'] = float(self.trainer.callback_metrics['train_loss'])

    def on_train_end(self) -> None:
        """See :meth:`on_train_epoch_start`."""
        self.on_train_epoch_start()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the history: a resumed run's loss curve starts where the first one's did."""
        checkpoint['history'] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See :meth:`on_save_checkpoint`."""
        self.history = checkpoint['history']

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip to a norm; a step whose gradient is not finite is left out and counted in ``dropped_steps``."""
        assert gradient_clip_val is not None
        self.dropped_steps += not clip_gradients(self.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:
        """Return AdamW: one learning rate for the cell and one for the rest, short warm-up, cosine decay to zero."""
        of_cell = {id(parameter) for parameter in self.network.sequence.parameters()}
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        cell = [parameter for parameter in trained if id(parameter) in of_cell]
        rest = [parameter for parameter in trained if id(parameter) not in of_cell]
        groups: list[dict[str, Any]] = [{'params': rest, 'lr': self.config.learning_rate}]
        if cell:
            groups.append({'params': cell, 'lr': self.config.cell_learning_rate, 'weight_decay': 0.0})
        optimizer = torch.optim.AdamW(groups, weight_decay=self.config.weight_decay)
        warm_up = min(200, max(1, self.config.steps // 10))

        def factor(step: int) -> float:
            rest_of_run = min(1.0, max(0, step - warm_up) / max(1, self.config.steps - warm_up))
            return min(1.0, (step + 1) / warm_up) * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * rest_of_run))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}


def encode(network: PolicyNetwork, batch: Batch) -> Tensor:
    """
    Encode the frame that each tick saw; every frame once.

    :param network: the policy network
    :param batch: windows or episodes
    :returns: features, (B, T, F)
    """
    frames = batch.frames.flatten(0, 1)
    each = torch.cat([network.encode(chunk) for chunk in torch.split(frames, FRAMES_AT_ONCE)])
    return at_ticks(each.reshape(*batch.frames.shape[:2], -1), batch)


def at_ticks(each: Tensor, batch: Batch) -> Tensor:
    """
    Lay out the features of frames by the ticks that saw them.

    :param each: of each frame, (B, U, F)
    :param batch: windows or episodes
    :returns: features, (B, T, F)
    """
    return each.gather(1, batch.frame_index[..., None].expand(-1, -1, each.shape[-1]))


def later(batch: Batch, seconds: float) -> tuple[Tensor, Tensor]:
    """
    Find what is commanded some time after each tick.

    :param batch: windows
    :param seconds: how much later, s
    :returns: the command of the first tick that is so much later, (B, T, C); 1 where the window has one, else 0, (B, T)
    """
    at = batch.dt_s.cumsum(1)
    tick = torch.searchsorted(at, at + seconds)
    there = tick.clamp(max=at.shape[1] - 1)
    mask = batch.mask.gather(1, there) * (tick < at.shape[1])
    return batch.command.gather(1, there[..., None].expand_as(batch.command)), mask
