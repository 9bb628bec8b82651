"""How far a network's commands are from the demonstrators', on what it was not trained on."""

from collections.abc import Mapping, Sequence

from lnn_controller.learning.held_out import HeldOut, Predicted, predict
from lnn_controller.liquid.network import PolicyNetwork
from lnn_controller.metrics.commands import error_figures

__all__ = ['Metrics', 'measure']

#: figures by part, channel and name; NaN where one is not defined
Metrics = dict[str, dict[str, dict[str, float]]]


def measure(network: PolicyNetwork, parts: Mapping[str, Sequence[HeldOut]], channels: Sequence[str]) -> Metrics:
    """
    Compare a network's commands with the demonstrators'.

    :param network: the network
    :param parts: what to measure on, by name
    :param channels: names of the command channels
    :returns: by part and channel ``mae``, ``r2`` and ``constant_mae``, as
        :class:`~lnn_controller.metrics.commands.ErrorFigures` has them
    """
    training = network.training
    network.eval()
    metrics = {name: _errors(predict(network, part), channels, network) for name, part in parts.items()}
    network.train(training)
    return metrics


def _errors(predicted: Predicted, channels: Sequence[str], network: PolicyNetwork) -> dict[str, dict[str, float]]:
    result = {}
    for index, channel in enumerate(channels):
        recorded, commanded = (each[:, index].numpy() for each in (predicted.demonstrated, predicted.commands))
        figures = error_figures(recorded, commanded, constant=float(network.command_mean[index]))
        result[channel] = {name: round(getattr(figures, name), 4) for name in ('mae', 'r2', 'constant_mae')}
    return result
