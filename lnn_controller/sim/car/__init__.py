"""The car: its body and model, its perturbations, its expert driver, and the world in which it drives."""
