"""Turns what a night found into issues: one for each cause, opened, kept up to date, and closed."""
