"""Judges a run: noise, limits, controls, verdicts."""
