"""Stored runs: what one is, how it is found, read and told apart."""
