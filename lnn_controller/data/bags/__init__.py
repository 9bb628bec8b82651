"""rosbag2 recordings as files: reading, what is damaged, topics, writing."""
