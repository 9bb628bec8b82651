"""What every node shares: parameters, topics, messages, how a process begins and ends."""
