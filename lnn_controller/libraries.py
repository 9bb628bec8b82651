"""The libraries that each part of the package needs, and how they are installed; and the C compiler."""

import os
import shutil

from lnn_controller.errors import how_to_install

__all__ = ['COMPILERS', 'HOW_BY_LIBRARY', 'HOW_BY_PART', 'LIBRARIES', 'find_compiler']

# How the libraries of a part are installed.
HOW_BY_PART = {
    'core': "in the folder of lnn_controller's sources: pip install .",
    'ros': f'source a ROS 2 installation, or, {how_to_install("ros")}',
    'sim': how_to_install('sim'),
    'train': how_to_install('train'),
    'tune': how_to_install('train,tune'),
    'view': how_to_install('view'),
}
# By import name.
LIBRARIES = {
    'core': ('onnxruntime', 'rosbags', 'numpy', 'cv2', 'tqdm', 'yaml'),
    'ros': (
        'rclpy',
        'nav_msgs',
        'sensor_msgs',
        'geometry_msgs',
        'std_msgs',
        'diagnostic_msgs',
        'rosgraph_msgs',
        'rich',
    ),
    'sim': ('mujoco', 'matplotlib', 'PIL', 'av'),
    'train': ('torch', 'lightning', 'safetensors', 'onnx', 'onnxscript', 'tensorboard'),
    'tune': ('optuna',),
    'view': ('rerun', 'rerun_cli'),
}
HOW_BY_LIBRARY = {library: HOW_BY_PART[part] for part, libraries in LIBRARIES.items() for library in libraries}
COMPILERS = ('cc', 'gcc', 'clang')


def find_compiler() -> str | None:
    """
    Find a C compiler: that of the environment variable CC, or cc, gcc or clang.

    :returns: its path; ``None`` where there is none
    """
    named = os.environ.get('CC')
    return next(filter(None, map(shutil.which, [named] if named else COMPILERS)), None)
