"""Counts what stored runs show: false alarms, slowdowns seen, kernels named, spreads. No GPU, no torch."""
