"""Other cells on the frozen encoder of a policy: trained in seconds, on features that it gave once."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from lnn_controller.export.onnx import export
from lnn_controller.learning.build import build_network, load_network, measure_commands, new_spec
from lnn_controller.learning.config import TrainConfig, known
from lnn_controller.learning.episodes import load
from lnn_controller.learning.held_out import held_out
from lnn_controller.learning.module import PolicyModule
from lnn_controller.learning.refine import encoded_looks, refine
from lnn_controller.policy.bundle import find_policy, read_bundle

__all__ = ['FrozenEncoder']

# Of refine's windows an eighth: they are 64 ticks long.
WINDOW_TICKS, BATCH, VALIDATIONS = 8, 16, 2


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
        spec = bundle.spec
        base = known(spec.provenance.get('config', {}), f'policy {spec.name}, provenance.config')
        changes: dict[str, Any] = {'refine_steps': 1, 'seed': 0, 'threads': 1, 'cell_options': {}}
        self._config = dataclasses.replace(TrainConfig(**base), **changes)
        self._image = spec.image
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
        :param options: the cell's own, ``mixed_memory`` and ``readout``
        :returns: ``parameters`` of the cell, and ``validation``: its error on what it was not trained on, as a share of
            the command's variance
        """
        config = dataclasses.replace(
            self._config,
            cell=cell,
            units=units,
            mixed_memory=options.pop('mixed_memory', False),
            readout=options.pop('readout', 'all'),
            cell_options=options,
            seed=seed,
            refine_steps=steps,
            window_ticks=WINDOW_TICKS,
            batch_size=BATCH,
            epochs=VALIDATIONS,
        )
        spec = new_spec(out.name, config, self._image, self._split.train)
        network = build_network(spec, seed)
        network.encoder.load_state_dict(self._encoder)
        measure_commands(network, self._split.train)
        module = PolicyModule(network, config, {'val': held_out(self._split, config)['validation']})
        score = refine(module, self._split.train, config, looks=self._looks)
        export(network, spec, out, {})
        return {'parameters': sum(each.numel() for each in network.cell.parameters()), 'validation': score['after']}
