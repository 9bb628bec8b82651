"""
The ROS 2 face: the controller, the simulator and the recorder as nodes, and the graph of their processes.

A node only translates: messages in, one call to the pure objects of the other folders, messages out. The modules of
the nodes load rclpy; this one does not, so that the command line can start them where it has none itself.
"""

from lnn_controller.nodes.environment import check_environment, refuse_other_ros
from lnn_controller.nodes.processes import Graph, dds_environment, find_share

__all__ = ['Graph', 'check_environment', 'dds_environment', 'find_share']

refuse_other_ros()  # before any module here loads rclpy
