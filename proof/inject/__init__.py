"""Slows benchmarks down by known amounts: the plugin `-p proof.inject.slowdown`, and how it does so."""
