"""Names of the message types that recordings hold."""

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
FFMPEG_PACKET = 'ffmpeg_image_transport_msgs/msg/FFMPEGPacket'
COMPRESSED_VIDEO = 'foxglove_msgs/msg/CompressedVideo'
IMU = 'sensor_msgs/msg/Imu'
TWIST = 'geometry_msgs/msg/Twist'
TWIST_STAMPED = 'geometry_msgs/msg/TwistStamped'
ODOMETRY = 'nav_msgs/msg/Odometry'
POSE_STAMPED = 'geometry_msgs/msg/PoseStamped'
ACKERMANN = 'ackermann_msgs/msg/AckermannDrive'
ACKERMANN_STAMPED = 'ackermann_msgs/msg/AckermannDriveStamped'
STRING = 'std_msgs/msg/String'
JOINT_STATE = 'sensor_msgs/msg/JointState'
# Of drones: setpoints of MAVROS; of PX4 itself, as its uXRCE-DDS bridge sends them.
POSITION_TARGET = 'mavros_msgs/msg/PositionTarget'
TRAJECTORY_SETPOINT = 'px4_msgs/msg/TrajectorySetpoint'
VEHICLE_ODOMETRY = 'px4_msgs/msg/VehicleOdometry'
SENSOR_COMBINED = 'px4_msgs/msg/SensorCombined'

# Kinds of which there are several.
TWISTS, ODOMETRIES = (TWIST_STAMPED, TWIST), (ODOMETRY, VEHICLE_ODOMETRY)
SETPOINTS = (POSITION_TARGET, TRAJECTORY_SETPOINT)
