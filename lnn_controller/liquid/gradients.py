"""Gradients through long sequences: clipped, and left out where they are not finite."""

from collections.abc import Iterable

import torch
from torch import nn

__all__ = ['clip_gradients']


def clip_gradients(parameters: Iterable[nn.Parameter], norm: float) -> bool:
    """
    Clip gradients to a total norm, or remove them where they are not finite: the optimiser then changes nothing.

    The gradient through a long sequence can grow beyond float32. Clipping would make it NaN, and with it every weight.

    :param parameters: with their gradients
    :param norm: the largest total norm, > 0
    :returns: whether the gradient was finite
    """
    trained = [parameter for parameter in parameters if parameter.grad is not None]
    if torch.nn.utils.clip_grad_norm_(trained, norm).isfinite():
        return True
    for parameter in trained:
        parameter.grad = None
    return False
