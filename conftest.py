"""Joins benchmarks, fixtures and regression to pytest."""

pytest_plugins = ["fixtures.options", "fixtures.session", "regression.gate", "pytester"]
