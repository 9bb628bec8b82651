# ROS 2 with lnn_controller, by the commands of docs/installation.md: for a robot whose own ROS is older, and to try it.
#   docker build --build-arg ROS_DISTRO=jazzy -t lnn_controller .
#   docker run --rm --network host --ipc host lnn_controller
# With the host's network and shared memory, nodes inside and outside see each other; /dev/shm carries the frames.
ARG ROS_DISTRO=kilted
FROM ros:${ROS_DISTRO}-ros-base
SHELL ["/bin/bash", "-c"]
ENV PIP_NO_CACHE_DIR=1
WORKDIR /root/ws
# gcc for `lnn compile`, EGL and GL for the simulated camera.
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv gcc libc6-dev libegl1 libgl1 \
  && rm -rf /var/lib/apt/lists/*
COPY . src/lnn_controller
RUN apt-get update && rosdep update --rosdistro "$ROS_DISTRO" \
  && DEBIAN_FRONTEND=noninteractive rosdep install --from-paths src --ignore-src -y \
  && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --system-site-packages venv && touch venv/COLCON_IGNORE && source venv/bin/activate \
  && pip install onnxruntime 'rosbags>=0.11.9,<0.12' 'rosbags-image>=0.10,<0.11' mujoco av \
  && source /opt/ros/"$ROS_DISTRO"/setup.bash && colcon build --packages-select lnn_controller
ENTRYPOINT ["/bin/bash", "-c", "source /opt/ros/$ROS_DISTRO/setup.bash && source venv/bin/activate && source install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "launch", "lnn_controller", "drive.launch.py"]
