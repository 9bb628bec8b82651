"""What is deployed: the policy's spec, its bundle on disk, and its runtime. numpy and onnxruntime only, no torch."""

from lnn_controller.policy.bundle import Bundle, find_policy, read_bundle, read_spec, shipped_policies, write_bundle
from lnn_controller.policy.card import describe
from lnn_controller.policy.frame import fit_frame
from lnn_controller.policy.known import known_from_training
from lnn_controller.policy.runtime import RUNTIMES, Policy
from lnn_controller.policy.spec import ImageSpec, ImuSpec, NetworkSpec, OutputSpec, PolicySpec
from lnn_controller.policy.step import PolicyStep

__all__ = [
    'RUNTIMES',
    'Bundle',
    'ImageSpec',
    'ImuSpec',
    'NetworkSpec',
    'OutputSpec',
    'Policy',
    'PolicySpec',
    'PolicyStep',
    'describe',
    'find_policy',
    'fit_frame',
    'known_from_training',
    'read_bundle',
    'read_spec',
    'shipped_policies',
    'write_bundle',
]
