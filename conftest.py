"""Joins benchmarks, fixtures and regression to pytest."""

pytest_plugins = [
    "fixtures.plugin",
    "fixtures.measuring",
    "fixtures.cold_start",
    "regression.plugin",
    "regression.store.plugin",
]
