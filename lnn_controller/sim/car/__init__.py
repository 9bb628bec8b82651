"""The car: its body and model, its wear, its expert driver, and the world in which it drives."""
