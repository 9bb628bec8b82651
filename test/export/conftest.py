"""The exported C beside ROS: the fixtures of tests that run nodes."""

from ros_fixtures import domain_id, probe

__all__ = ['domain_id', 'probe']
