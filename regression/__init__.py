"""Judges stored runs against stored baselines: no GPU, no torch."""
