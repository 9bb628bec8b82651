"""The studies by name; nothing of one is loaded before it runs, so that a help can list them all."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

__all__ = ['COMPARISONS', 'STUDIES', 'Study']


@dataclass(frozen=True)
class Study:
    """
    A study that ``lnn adapt NAME`` or ``lnn study NAME`` runs.

    :param summary: what it is, in a line
    :param module: below ``lnn_controller.studies``, with its ``run``
    :param policy: name of the policy that it takes where none is chosen
    :param reads_bag: whether it goes through a recording; else it drives on roads, one a seed
    """

    summary: str
    module: str
    policy: str = 'car_lane'
    reads_bag: bool = False

    def load(self) -> Any:
        """
        Load its module.

        :returns: the module
        """
        return import_module(f'lnn_controller.studies.{self.module}')


#: of ``lnn adapt``
STUDIES = {
    'worn-steering': Study(
        'the steering wears: the response of the body is learnt from the IMU', 'adaptation.worn_steering'
    ),
    'new-driver': Study(
        'an operator drives another line for 30 s: the policy imitates',
        'adaptation.new_driver',
    ),
    'tilted-camera': Study(
        'the camera is knocked 5° askew: an operator helps for 15 s, the policy imitates', 'adaptation.tilted_camera'
    ),
    'recording': Study(
        'a human driving a real car, replayed: is their next command predicted better by imitating them?',
        'adaptation.recording',
        policy='real_car',
        reads_bag=True,
    ),
    'malice': Study(
        'overrides that teach nonsense: bounded, and rolled back',
        'adaptation.adversarial_operator',
    ),
}
#: of ``lnn study``: modules with ``conditions``, ``run``, ``fits``, ``page`` and ``NAMED``, perhaps ``draw``
COMPARISONS = {
    'cells': Study('liquid cells and others on the same frozen encoder, in closed loop', 'cells'),
    'memory': Study('drives with the state kept and wiped at every tick: which tasks need a memory', 'memory'),
}
