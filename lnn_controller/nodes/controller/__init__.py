"""The inside of the controller node, from a message to a command."""
