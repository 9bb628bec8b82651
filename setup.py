"""An ament_python package that pip can install too; the extras bring what a ROS installation would."""

import re
from pathlib import Path

from setuptools import find_packages, setup

NAME = 'lnn_controller'
HERE = Path(__file__).parent
# The one place of the version is the package; package.xml and CITATION.cff need copies, which a test compares.
VERSION = re.findall(r"^__version__ = '(.+)'$", (HERE / NAME / '__init__.py').read_text(), re.MULTILINE)[0]


def share(*folders: str) -> list[tuple[str, list[str]]]:
    """Every file below the given folders, each to the same place below share/lnn_controller."""
    # colcon calls from another folder with a relative path: data_files must stay relative to this file.
    files = [f.relative_to(HERE) for folder in folders for f in sorted((HERE / folder).rglob('*')) if f.is_file()]
    # A training's checkpoints lie beside the policy that came out of it; they do not ship.
    kept = [file for file in files if not any(p == '__pycache__' or p.endswith('.training') for p in file.parts)]
    return [(f'share/{NAME}/{file.parent}', [str(file)]) for file in kept]


setup(
    name=NAME,
    version=VERSION,
    description='Liquid neural control for ROS 2 robots: record, train, drive, adapt.',
    long_description=(HERE / 'README.md').read_text() if (HERE / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    maintainer='The lnn_controller authors',
    maintainer_email='lnn_controller@users.noreply.github.com',
    python_requires='>=3.11,<3.14',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={
        NAME: ['py.typed', 'export/c/*.[ch]', 'export/c/*.ld', 'export/c/Makefile', 'export/c/README.md']
    },  # setuptools before 69, Ubuntu's, leaves it out by itself
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        ('bin', ['bin/lnn']),  # colcon puts this folder on the PATH
        *share('launch', 'config', 'policies', 'bags'),
    ],
    zip_safe=False,
    # We lean on the insides of rosbags and rosbags-image: another minor version may well break recording.
    install_requires=[
        *('numpy', 'onnxruntime', 'pyyaml', 'safetensors', 'tqdm'),
        *('rosbags>=0.11.9,<0.12', 'rosbags-image[opencv-headless]>=0.10,<0.11'),
    ],
    extras_require={
        'ros': ['ros-rclpy[fastrtps]==9.1.2', 'ros-common-interfaces==5.5.1', 'rich'],
        'sim': ['mujoco', 'matplotlib', 'av'],
        'video': ['av'],  # recordings whose camera is H.264 or H.265 video
        'view': ['rerun-sdk>=0.41,<0.42'],  # the page in the browser: half a gigabyte, of no use to what drives
        'lerobot': ['pyarrow', 'av'],  # lnn import lerobot
        'train': ['torch', 'lightning', 'onnx', 'onnxscript', 'tensorboard', 'matplotlib'],
        'tune': ['optuna'],  # beside train: lnn tune
        'test': [
            *('pytest', 'pytest-timeout', 'pytest-xdist', 'pytest-rerunfailures', 'hypothesis'),
            *('ncps==1.0.1', 'mcap', 'ruff', 'flake8', 'pydoclint', 'mypy', 'types-PyYAML', 'onnx'),
            *('mkdocs', 'pyarrow'),
        ],
        'docs': ['mkdocs'],
        # What `make lock`, `make licences` and `make sbom` run.
        'release': ['uv', 'pip-licenses', 'cyclonedx-bom'],
    },
    entry_points={
        'console_scripts': [
            'lnn = lnn_controller.cli:main',
            'controller_node = lnn_controller.start:controller_node',
            'sim_node = lnn_controller.start:sim_node',
            'record_node = lnn_controller.start:record_node',
            'evaluate_node = lnn_controller.start:evaluate_node',
            'play_node = lnn_controller.start:play_node',
            'ackermann_node = lnn_controller.start:ackermann_node',
        ],
    },
)
