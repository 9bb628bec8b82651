"""Liquid neural control for ROS 2 robots: record → train → drive → adapt."""

import os

__version__ = '0.1.0'

# ONNX Runtime's wheels report each process to their makers, out of a database that they keep in the user's cache,
# unless this is set before they are imported. A robot reports to nobody unless its owner wishes it (then: 0).
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
