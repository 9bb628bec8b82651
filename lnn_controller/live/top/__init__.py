"""``lnn top``: a running controller in the terminal."""
