"""The studies by name; nothing of one is loaded before it runs, so that a help can list them all."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

__all__ = ['COMPARISONS', 'EXPERIMENTS', 'Study']


@dataclass(frozen=True)
class Study:
    """
    A study that ``lnn study NAME`` runs.

    :param summary: what it is, in a line
    :param module: below ``lnn_controller.studies``, with its ``run``
    """

    summary: str
    module: str

    def load(self) -> Any:
        """
        Load its module.

        :returns: the module
        """
        return import_module(f'lnn_controller.studies.{self.module}')


#: of ``lnn study``: modules with ``conditions``, ``run``, ``fits``, ``page`` and ``NAMED``, perhaps ``draw``
COMPARISONS = {
    'cells': Study('liquid cells and others on the same frozen encoder, in closed loop', 'cells'),
    'memory': Study('drives with the state kept and wiped at every tick: which tasks need a memory', 'memory'),
    'adaptation': Study('frozen and adapted: does it help to learn while driving?', 'adaptation.study'),
}
#: of the study of adaptation
EXPERIMENTS = {
    'worn-steering': 'the steering wears: its response is learnt from the IMU',
    'new-driver': 'an operator drives another line for 30 s: the policy imitates',
    'tilted-camera': 'the camera is knocked 5° askew: an operator helps for 15 s, the policy imitates',
    'malice': 'overrides that teach nonsense',
    'recording': 'a human driving a real car, replayed: is their next command predicted better by imitating them?',
    'flight': 'wind, a load or a worn rotor: the response of the drone is learnt from its odometry',
}
