"""
Runs or watches a running graph: its processes, the demo, the terminal's page.

The modules that load rclpy are imported where they are used; the command line starts nodes where it has none itself.
"""

from lnn_controller.nodes.common.environment import refuse_other_ros

refuse_other_ros()  # before any module here loads rclpy
