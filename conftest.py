"""Joins benchmarks, fixtures and regression to pytest."""

pytest_plugins = ["fixtures.plugin", "fixtures.measuring", "regression.plugin", "regression.store.plugin"]
