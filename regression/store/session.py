"""A session's store: its runs are fetched before a session, and the session's run is delivered after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from common import output
from common.saving import saving_of
from regression.history.night import Night
from regression.store import index
from regression.store.delivery import deliver, deliver_waiting
from regression.store.objects import StoreAway, WrongStore
from regression.store.reading import counted
from regression.store.store import LATEST, Store
from regression.text import count, escaped

NAME = "inference-store"


def past(config: pytest.Config) -> list[Night] | None:
    """The nights of the session's GPU in the session's store, as far as it answers; None where no store is named."""
    plugin = config.pluginmanager.get_plugin(NAME)
    return plugin.past() if isinstance(plugin, StorePlugin) else None


class StorePlugin:
    """A session's store. It is away or not: the session measures, judges and saves all the same."""

    def __init__(self, store: Store, config: pytest.Config) -> None:
        self.store, self._config = store, config
        self._slug = ""
        self._said: list[str] = []

    def pytest_store_folder(self, slug: str) -> tuple[Path, list[str]]:
        self._slug = slug
        store, folder = self.store, self.store.folder / slug
        if self._config.option.collectonly:
            return folder, []
        try:
            earlier = deliver_waiting(store)
            store.fetch(slug, latest=max(LATEST, 2 * self._config.option.judge_patience))
            where = "" if store.is_local else f", mirrored in {folder}"
            return folder, [*earlier, f"store: {escaped(store.url)}{where}"]
        except (StoreAway, output.UnwritableOutput) as problem:
            found = len(list(folder.rglob("*.json")))
            has = f"the {count(found, 'file')} of its last mirror" if found else "no mirror of it is on this machine"
            return folder, [f"store: {escaped(store.url)} is away ({problem}); {has}"]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Inside the wrappers: pytest-benchmark's saved the run before; the terminal's and the judge's go on after."""
        saving = saving_of(session.config)
        if saving is not None and saving.file is not None:
            try:
                delivered = deliver(self.store, saving.file)
                if delivered.key and not saving.file.exists():  # another writer had taken its number
                    saving.file = self.store.folder / delivered.key
                self._said = [delivered.said]
            except (WrongStore, output.UnwritableOutput) as problem:
                self._said = [f"not delivered: {problem}; it is stored as {saving.file}"]

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._said:
            terminalreporter.write_line(f"store: {line}")

    def past(self) -> list[Night]:
        try:
            found = index.read_all(self.store, self._slug).nights
        except StoreAway:
            found = index.last_known(self.store, self._slug)
        return counted(self.store, self._slug, found)[0]
