"""Runs an old and a new environment in turns on one device, and says what an upgrade changes."""
