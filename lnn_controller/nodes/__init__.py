"""
The ROS 2 face: the controller, the simulator, the recorder, the player and the evaluator as nodes.

A node only translates: messages in, one call to the pure objects of the other rooms, messages out. The modules of
the nodes load rclpy; this one does not.
"""

from lnn_controller.nodes.common.environment import refuse_other_ros

refuse_other_ros()  # before any module here loads rclpy
