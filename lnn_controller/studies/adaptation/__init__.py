"""Studies of online adaptation, each reproducible by one command: ``lnn adapt NAME``."""
