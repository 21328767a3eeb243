"""Joins benchmarks, fixtures and regression to pytest."""

pytest_plugins = [
    "fixtures.suite",
    "fixtures.collection",
    "fixtures.measuring",
    "fixtures.session",
    "regression.plugin",
]
