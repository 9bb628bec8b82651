"""ROS messages as bytes: built, and read without copies; images and video decoded."""
