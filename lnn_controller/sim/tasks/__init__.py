"""What is asked of a robot: keep the lane of a road."""
