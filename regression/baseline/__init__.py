"""Looks after the baselines of a store: `python -m regression baseline ...`."""
