"""The safety chain and its links: operator, limits, ramp, guard."""
