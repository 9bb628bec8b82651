"""What is learnt while driving: corrections of the readout and of the actuators, estimated recursively, bounded."""
