"""The libraries that each part of the package needs, and how they are installed."""

from lnn_controller.errors import how_to_install

__all__ = ['HOW_BY_LIBRARY', 'HOW_BY_PART', 'LIBRARIES']

# How the libraries of a part are installed.
HOW_BY_PART = {
    'core': "in the folder of lnn_controller's sources: pip install .",
    'ros': f'source a ROS 2 installation, or, {how_to_install("ros")}',
    'sim': how_to_install('sim'),
    'train': how_to_install('train'),
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
}
HOW_BY_LIBRARY = {library: HOW_BY_PART[part] for part, libraries in LIBRARIES.items() for library in libraries}
