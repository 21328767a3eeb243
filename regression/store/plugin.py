"""The pytest side of a store: `--store URL`."""

from __future__ import annotations

import pytest

from regression.store import opening
from regression.store.objects import WrongStore
from regression.store.session import NAME, StorePlugin


def pytest_addoption(parser: pytest.Parser) -> None:
    opening.add_option(parser.getgroup("judge").addoption)


@pytest.hookimpl(tryfirst=True)  # before the suite asks where stored runs lie
def pytest_configure(config: pytest.Config) -> None:
    url = opening.named(config.option.store)
    if url is None or config.option.help or hasattr(config, "workerinput"):
        return
    try:
        config.pluginmanager.register(StorePlugin(opening.open_store(url), config), NAME)
    except WrongStore as error:
        raise pytest.UsageError(str(error)) from None
