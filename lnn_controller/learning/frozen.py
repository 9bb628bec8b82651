"""Other cells on the frozen encoder of a policy: trained in seconds, on features that it gave once."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from lnn_controller.export.onnx import export
from lnn_controller.learning.build import build_network, load_network, measure_commands, new_spec
from lnn_controller.learning.config import TrainConfig, known
from lnn_controller.learning.episodes import Split, load
from lnn_controller.learning.held_out import held_out
from lnn_controller.learning.module import PolicyModule
from lnn_controller.learning.refine import encoded_looks, refine
from lnn_controller.policy.bundle import find_policy, read_bundle
from lnn_controller.policy.spec import ImageSpec, PolicySpec
from lnn_controller.settings import settings_of

__all__ = ['FrozenEncoder', 'begin', 'by_setting', 'finish', 'recipe']

# Of refine's windows an eighth: they are 64 ticks long.
WINDOW_TICKS, BATCH, VALIDATIONS = 8, 16, 2


def recipe(spec: PolicySpec) -> TrainConfig:
    """
    Return how a policy was trained, for other cells.

    :param spec: the policy's
    :returns: its config, without its cell's options and refinement, with one thread and the seed 0
    :raises InputError: if its provenance has no such config
    """
    base = known(spec.provenance.get('config', {}), f'policy {spec.name}, provenance.config')
    changes: dict[str, Any] = {'mixed_memory': False, 'readout': 'all', 'cell_options': {}}
    return dataclasses.replace(TrainConfig(**base), refine_steps=0, seed=0, threads=1, **changes)


def by_setting(options: Mapping[str, Any]) -> dict[str, Any]:
    """
    Sort what a cell is trained with into settings of a config.

    :param options: settings of training by name, and options of the cell's own
    :returns: the settings, with the cell's own as ``cell_options``
    """
    own = {name: value for name, value in options.items() if name not in settings_of(TrainConfig)}
    return {name: value for name, value in options.items() if name not in own} | {'cell_options': own}


class FrozenEncoder:
    """
    The encoder of a trained policy, and demonstrations as it sees them.

    :param policy: its folder, or a shipped policy's name
    :param bags: of demonstrations; the last ones validate
    :raises InputError: if the policy or a bag cannot be read
    """

    def __init__(self, policy: str, bags: Sequence[Path]) -> None:
        torch.set_num_threads(1)
        bundle = read_bundle(find_policy(policy))
        self._config = dataclasses.replace(recipe(bundle.spec), refine_steps=1)
        self._image = bundle.spec.image
        self._split = load(bags, self._config)[1]
        network = load_network(bundle).eval()
        self._encoder = network.encoder.state_dict()
        self._looks = encoded_looks(network, self._split.train, self._config)

    def train(self, out: Path, *, cell: str, units: int, seed: int, steps: int, **options: Any) -> dict[str, Any]:
        """
        Train a cell and its readout, and write the policy.

        :param out: folder of the bundle
        :param cell: its name
        :param units: its neurons
        :param seed: of weights, wiring and windows
        :param steps: of the optimiser
        :param options: the cell's own, ``mixed_memory``, ``readout`` and ``cell_learning_rate``
        :returns: ``parameters`` of the cell, and ``validation``: its error on what it was not trained on, as a share of
            the command's variance
        """
        config = dataclasses.replace(
            self._config,
            cell=cell,
            units=units,
            seed=seed,
            refine_steps=steps,
            window_ticks=WINDOW_TICKS,
            batch_size=BATCH,
            epochs=VALIDATIONS,
            **by_setting(options),
        )
        spec, module = begin(out, config, self._image, self._split, self._encoder)
        score = refine(module, self._split.train, config, looks=self._looks)
        return finish(out, spec, module, score['after'])


def begin(
    out: Path, config: TrainConfig, image: ImageSpec, split: Split, encoder: Mapping[str, torch.Tensor] | None = None
) -> tuple[PolicySpec, PolicyModule]:
    """
    Make a network to be trained.

    :param out: folder of its bundle, which names it
    :param config: of the training
    :param image: what it sees
    :param split: the demonstrations
    :param encoder: weights that its encoder begins with; ``None``: those of the config's seed
    :returns: its spec, and the network with the demonstrations that validate it
    """
    spec = new_spec(out.name, config, image, split.train)
    network = build_network(spec, config.seed)
    if encoder is not None:
        network.encoder.load_state_dict(encoder)
    measure_commands(network, split.train)
    return spec, PolicyModule(network, config, {'val': held_out(split, config)['validation']})


def finish(out: Path, spec: PolicySpec, module: PolicyModule, validation: float) -> dict[str, Any]:
    """
    Write a trained network's bundle.

    :param out: its folder
    :param spec: its spec
    :param module: the network
    :param validation: its error
    :returns: ``parameters`` of its cell, and ``validation``
    """
    export(module.network, spec, out, {})
    return {'parameters': sum(each.numel() for each in module.network.cell.parameters()), 'validation': validation}
