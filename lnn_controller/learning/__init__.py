"""
Bags → policy: windows with real Δt, augmentation, the training loop, export to a bundle.

PyTorch and Lightning live here and in :mod:`lnn_controller.liquid` alone; a robot's process imports neither.
"""

from lnn_controller.learning.config import TrainConfig
from lnn_controller.learning.train import train

__all__ = ['TrainConfig', 'train']
