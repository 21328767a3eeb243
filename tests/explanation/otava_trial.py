"""How long Apache Otava takes and where it fails, with its defaults, on series of normal noise of 0.1 %.

Otava's bounds on NumPy keep it out of this project's environment, so it runs in one of its own:

    python3.12 -m venv /tmp/otava && /tmp/otava/bin/pip install apache-otava==0.8.0
    /tmp/otava/bin/python tests/explanation/otava_trial.py
"""

import time

import numpy as np
from otava.analysis import compute_change_points

WINDOW, P_VALUE = 50, 0.001


def seconds(nights, random):
    """The processor's time that one series takes."""
    began = time.process_time()
    compute_change_points(1 + 0.001 * random.normal(size=nights), window_len=WINDOW, max_pvalue=P_VALUE)
    return time.process_time() - began


def failures(series, nights, random):
    """How many of so many series end in a ValueError."""
    failed = 0
    for _ in range(series):
        try:
            seconds(nights, random)
        except ValueError:
            failed += 1
    return failed


if __name__ == "__main__":
    generator = np.random.default_rng(2026)
    print(f"one series of 1,000 nights: {np.median([seconds(1000, generator) for _ in range(5)]):.1f} s")
    print(f"ValueError in {failures(200, 100, generator)} of 200 series of 100 nights")
