"""
A policy bundle as freestanding C99: for a microcontroller, and for the robot's own processor.

What does not depend on the weights lies here as C; its prefix ``policy_`` gives way to the policy's own name. What does
is written by functions of the bundle's spec and weights alone: numpy and safetensors, no PyTorch.
"""

from lnn_controller.export.c.encoder import Encoder, encoder_source
from lnn_controller.export.c.encoder_int8 import encoder_int8_source
from lnn_controller.export.c.network import Network, read_network
from lnn_controller.export.c.project import check_files, project_files, write_files

__all__ = [
    'Encoder',
    'Network',
    'check_files',
    'encoder_int8_source',
    'encoder_source',
    'project_files',
    'read_network',
    'write_files',
]
