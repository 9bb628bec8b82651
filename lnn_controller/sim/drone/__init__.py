"""The drone: body and rotors, flight controller, wind, what stands about, and the world in which it flies."""
