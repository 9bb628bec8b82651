"""The libraries that each part of the package needs, and how they are installed; and the C compiler."""

import os
import shutil

from lnn_controller.errors import how_to_install

__all__ = ['HOW_BY_LIBRARY', 'HOW_BY_PART', 'LIBRARIES', 'compiler_names', 'find_compiler']

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
_COMPILERS = ('cc', 'gcc', 'clang')


def find_compiler() -> list[str] | None:
    """
    Find a C compiler: that of the environment variable CC, which may have arguments as make's has, or cc, gcc or clang.

    :returns: its path, and those arguments; ``None`` where there is none
    """
    named = os.environ.get('CC', '').split()
    commands = [named] if named else [[name] for name in _COMPILERS]
    return next(([path, *rest] for name, *rest in commands if (path := shutil.which(name))), None)


def compiler_names() -> str:
    """
    Return which compilers :func:`find_compiler` looks for.

    :returns: their names, for an error
    """
    named = os.environ.get('CC', '').strip()
    return f'CC={named}' if named else f'{", ".join(_COMPILERS)}, or CC'
