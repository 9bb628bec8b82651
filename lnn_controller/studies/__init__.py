"""Experiments that anyone can rerun by one command, with their figures and pictures."""
