"""A shell to examine, in a ROS domain of its own."""

from ros_fixtures import domain_id

__all__ = ['domain_id']
