"""A trained network into what runs it: the ONNX graphs of a policy bundle. PyTorch lives here too."""
