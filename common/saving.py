"""Writes a session's run in pytest-benchmark's place: whole or not at all, as it grows, and as it ended."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import output
from common.harness import Measured, fail, storage_folder
from common.schema import INTERRUPTED
from common.stored import interrupted

if TYPE_CHECKING:
    import pytest

# A run that grows is written again at most so often, and takes at most one part in so many of the session.
CHECKPOINT_S, CHECKPOINT_SHARE = 1.0, 20
SAVING = "inference-saving"


class LateFile:
    """The file of `--benchmark-json`, which pytest-benchmark would open, and so empty, while it reads its options."""

    def __init__(self, path: str) -> None:
        try:
            output.check(Path(path))
        except output.UnwritableOutput as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        self.name = path
        self._buffer = io.BytesIO()

    def __enter__(self) -> io.BytesIO:
        self._buffer = io.BytesIO()
        return self._buffer

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        if kind is None:
            output.write(Path(self.name), self._buffer.getvalue())


def _late_file(path: str) -> Any:
    return argparse.FileType("wb")(path) if path == "-" else LateFile(path)


class LateFiles:
    """Replaces the type of `--benchmark-json` once pytest-benchmark has added it, and before options are read."""

    def __init__(self, parser: pytest.Parser) -> None:
        self._parser = parser

    def pytest_plugin_registered(self) -> None:
        for action in self._parser.optparser._actions:
            if "--benchmark-json" in action.option_strings:
                action.type = _late_file


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """This module is a plugin, which pytest.ini names, so that it is there before pytest-benchmark is."""
    pluginmanager.register(LateFiles(parser), "inference-late-files")


class Saving:
    """Writes the session's run in pytest-benchmark's place: whole or not at all, as it grows, and as it ended.

    Args:
        has_more: whether the run holds results that are none of pytest-benchmark's.

    Attributes:
        file: where the run lies in the storage; None until it does.
        problems: sentences on what could not be written.
    """

    def __init__(self, config: pytest.Config, session: Any, has_more: Callable[[], bool] = lambda: False) -> None:
        self.measured = Measured(config, session)
        self._has_more = has_more
        self.file: Path | None = None
        self.problems: list[str] = []
        self._config, self._session = config, session
        self._name: str | None = session.save or session.autosave or None
        self._json, self._display = session.json, session.display
        self._folder = storage_folder(config)
        self._ended = False
        # The files that were written, each with what makes its text.
        self._written: dict[Path, Callable[[Mapping[str, Any]], str]] = {}
        # Held while a run that grows is written, which another thread may do as well (`name`).
        self._writing = threading.Lock()
        self._not_before = 0.0
        session.handle_saving, session.display = self._finish, self._shown

    def checkpoint(self, doing: str, *, now: bool = False) -> None:
        """Store what is measured so far, as what is left should this process die.

        Args:
            doing: what the session is about to do, such as `measuring`.
            now: also where the last time is not long ago.
        """
        began = time.monotonic()
        if self._ended or not self._has_results() or (began < self._not_before and not now):
            return
        self.measured.look()  # seconds the first time, which must not make the next checkpoint late
        began = time.monotonic()
        reason = _died(doing)
        # The end says what cannot be written; one file that cannot be is no reason to lose the other.
        with self._writing:
            if isinstance(self._json, LateFile):
                with contextlib.suppress(output.UnwritableOutput):
                    self._write_json(reason)
            if self._name and self._folder is not None:
                with contextlib.suppress(output.UnwritableOutput):
                    self._write_stored(reason)
        took_s = time.monotonic() - began
        self._not_before = began + took_s + max(CHECKPOINT_S, CHECKPOINT_SHARE * took_s)

    def name(self, doing: str) -> None:
        """Say in the run, as the last checkpoint left it, what the session is doing.

        For a thread beside one that hangs: it reads the files and nothing of the session, and a file that it cannot
        write stays as it is. A session that has ended is left alone.

        Args:
            doing: such as `measuring in test_latency`.
        """
        with self._writing:
            for path, text in self._written.items():
                if self._ended or not path.is_file():  # a pipe would be waited for
                    continue
                with contextlib.suppress(OSError, ValueError):
                    document = json.loads(path.read_bytes())
                    document.setdefault("suite", {})[INTERRUPTED] = _died(doing)
                    output.write(path, text(document))

    def _finish(self) -> None:
        """Write the run as it is; in the place of `BenchmarkSession.handle_saving`."""
        with self._writing:
            self._ended = True
        if not (self._name or self._json):
            return
        if not self._session.benchmarks and not self._has_more():
            if not self._session.disabled:
                self._say("warning", "Not saving anything, no benchmarks have been run!")
            return
        reason = interrupted(self.measured.document())
        if reason and not self._has_results():
            self._say("info", f"Not saving anything, no benchmark was measured whole: {reason}")
            return
        if self._json:
            self._or_elsewhere("--benchmark-json", self._write_json, Path(self._json.name).name)
        if self._name:
            self._or_elsewhere("--benchmark-save", self._write_stored, f"{self._name}.json")

    def _or_elsewhere(self, option: str, write: Callable[[], None], name: str) -> None:
        """Write, or where that cannot be, keep the run in a folder for temporary files; the session fails then."""
        try:
            write()
            return
        except output.UnwritableOutput as error:
            problem = f"{option}: {error}"
        kept = None
        try:
            kept = Path(tempfile.mkdtemp(prefix="unsaved-run-")) / name
            output.write(kept, _compact(self.measured.document()))
            problem += f"; the run is kept in {kept}"
        except (OSError, output.UnwritableOutput) as error:
            if kept is not None:
                with contextlib.suppress(OSError):
                    kept.parent.rmdir()
            problem += f"; nor could it be kept elsewhere: {error}"
        self._report(problem)

    def _report(self, problem: str) -> None:
        self.problems.append(problem)
        fail(self._config)
        self._say("error", problem)

    def _say(self, kind: str, text: str, **options: Any) -> None:
        """A log that finds no room is no reason to store less."""
        with contextlib.suppress(OSError):
            getattr(self._session.logger, kind)(text, **options)

    def _shown(self, reporter: Any) -> None:
        """pytest-benchmark's tables; its pictures and profiles may not find room."""
        try:
            self._display(reporter)
        except OSError as error:
            self._report(f"not everything could be written: {error}")

    def _has_results(self) -> bool:
        timed = any(benchmark and not benchmark.has_error for benchmark in self._session.benchmarks)
        return timed or self._has_more()

    def _write_json(self, died: str = "") -> None:
        text = _indented(self._document(died, with_rounds=True))
        if self._json is sys.stdout.buffer:
            self._json.write(text.encode())
            self._json.flush()
            return
        if not isinstance(self._json, LateFile):
            self._json.close()
        output.write(Path(self._json.name), text)
        self._written[Path(self._json.name)] = _indented
        if not died:
            self._say("info", f"Wrote benchmark data in: {self._json.name}", purple=True)

    def _write_stored(self, died: str = "") -> None:
        document = self._document(died, with_rounds=self._session.save_data)
        storage = self._session.storage
        if self._folder is None:
            storage.save(document, self._name)
            return
        text = _compact(document)
        if self.file is None:
            self.file = self._created(storage, text)
        else:
            output.write(self.file, text)
        self._written[self.file] = _compact
        if not died:
            self._say("info", f"Saved benchmark data in: {self.file}")

    def _created(self, storage: Any, text: str) -> Path:
        """The file of the next number; a session beside this one may take that number first."""
        while True:
            path: Path = storage.get(f"{storage._next_num}_{self._name}.json")
            with contextlib.suppress(FileExistsError):
                output.create(path, text)
                return path

    def _document(self, died: str, *, with_rounds: bool) -> dict[str, Any]:
        document = self.measured.document(with_rounds=with_rounds)
        if died:
            document.setdefault("suite", {})[INTERRUPTED] = died
        return document


def keep_runs(config: pytest.Config, has_more: Callable[[], bool] = lambda: False) -> None:
    """From now on, the session's runs are written by `Saving`, also where `has_more` results than latencies."""
    session = config.pluginmanager.get_plugin("pytest-benchmark")
    if session is not None and saving_of(config) is None:
        config.pluginmanager.register(Saving(config, session, has_more), SAVING)


def saving_of(config: pytest.Config) -> Saving | None:
    """What writes the session's runs; None where `keep_runs` was not called."""
    found: Saving | None = config.pluginmanager.get_plugin(SAVING)
    return found


def measured_in(config: pytest.Config) -> Measured | None:
    """What the session measured; None with `--benchmark-disable`, under xdist or without pytest-benchmark."""
    session = config.pluginmanager.get_plugin("pytest-benchmark")
    if session is None or session.disabled:
        return None
    saving = saving_of(config)
    return saving.measured if saving else Measured(config, session)


def _died(doing: str) -> str:
    return f"its process ended while {doing}"


def _indented(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=4) + "\n"


def _compact(document: Mapping[str, Any]) -> str:
    """Without the indentation that would make up half of it."""
    return json.dumps(document, separators=(",", ":"))
