"""What a program prints, run anew for each number of threads that OpenGL draws with."""

import os
import subprocess
import sys


def fingerprints(program):
    """The set of what a Python program prints in a process with one drawing thread and in one with four."""
    prints = set()
    for threads in ('1', '4'):
        done = subprocess.run(
            [sys.executable, '-c', program],
            env=os.environ | {'LP_NUM_THREADS': threads},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        prints.add(done.stdout)
    return prints
