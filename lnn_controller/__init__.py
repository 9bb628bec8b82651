"""Liquid neural control for ROS 2 robots: record → train → drive → adapt."""

__version__ = '0.1.0'
