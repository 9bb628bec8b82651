"""Encoder and cell trained together, from nothing, by the recipe of a policy: what it takes to compare cells so."""

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from lnn_controller.learning.episodes import load
from lnn_controller.learning.fit import Data, fit
from lnn_controller.learning.frozen import begin, by_setting, finish, recipe
from lnn_controller.policy.bundle import find_policy, read_bundle

__all__ = ['JointTraining']

VALIDATIONS = 4


class JointTraining:
    """
    The recipe of a trained policy without its weights, and demonstrations.

    :param policy: its folder, or a shipped policy's name
    :param bags: of demonstrations; the last ones validate
    :raises InputError: if the policy or a bag cannot be read
    """

    def __init__(self, policy: str, bags: Sequence[Path]) -> None:
        torch.set_num_threads(1)
        self._config = recipe(read_bundle(find_policy(policy)).spec)
        self._image, self._split = load(bags, self._config)

    def train(self, out: Path, *, cell: str, units: int, seed: int, steps: int, **options: Any) -> dict[str, Any]:
        """
        Train encoder, cell and readout, and write the policy.

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
            steps=steps,
            **by_setting(options),
            epochs=VALIDATIONS,
        )
        spec, module = begin(out, config, self._image, self._split)
        with tempfile.TemporaryDirectory() as folder:
            score = fit(module, Data(self._split.train, config), Path(folder), config, resume=False, progress=False)
        return finish(out, spec, module, round(score, 6))
