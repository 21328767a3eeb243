"""Collects stored runs for the proofs, each in a fresh process: `python -m proof.collect`."""
