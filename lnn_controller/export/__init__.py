"""A trained network into what runs it: the ONNX graphs of a policy bundle, with PyTorch; a bundle as C, without."""
