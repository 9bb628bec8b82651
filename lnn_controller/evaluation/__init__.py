"""How a trial went: in closed loop in the simulator, or from a bag, in the same figures."""
