"""A recording through the controller again: exactly, tick by tick, or at a rate, and with its pictures spoilt."""
