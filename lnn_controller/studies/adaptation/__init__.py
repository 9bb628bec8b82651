"""Experiments in online adaptation, each reproducible by one command: ``lnn adapt NAME``."""

from lnn_controller.studies.adaptation import adversarial_operator as malice
from lnn_controller.studies.adaptation import new_driver, tilted_camera, worn_steering
from lnn_controller.studies.adaptation.result import Progress, Result, table

__all__ = ['EXPERIMENTS', 'Progress', 'Result', 'table']

EXPERIMENTS = {
    'worn-steering': worn_steering,
    'new-driver': new_driver,
    'tilted-camera': tilted_camera,
    'malice': malice,
}
