"""
Bags → policy: windows with real Δt, augmentation, the training loop, export to a bundle.

``train.train`` is the way in. PyTorch and Lightning live here and in
:mod:`lnn_controller.liquid` alone; a robot's process imports neither. ``train`` is not re-exported: reading the flags
(``lnn train --help``) should not wait for PyTorch.
"""

from lnn_controller.learning.config import TrainConfig

__all__ = ['TrainConfig']
