"""The driving process's hold on one side: starts it, asks it, and says in a sentence what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import execnet

from common.errors import UsageError
from rehearsal.protocol import BEGIN, NEEDED, VERSION

OLDEST_PYTHON = (3, 11)
START_S = 120.0
END_S = 5.0
LAST_WORDS = 200
PROBE = (
    "import importlib.util, json, sys; "
    "print(json.dumps([list(sys.version_info[:2]), [name for name in sys.argv[1:] "
    "if importlib.util.find_spec(name) is None]]))"
)


class UnusableSide(UsageError):
    """A side cannot be started; the message says which, why and what to do."""


class SideEnded(Exception):
    """A side's process ended, or has to be ended; the message says why.

    Attributes:
        side: `old` or `new`.
    """

    def __init__(self, side: str, how: str) -> None:
        super().__init__(f"the {side} side{how}")
        self.side = side


class NotAnswered(Exception):
    """A side could not do what it was asked for; the message is what it said. It goes on."""


@dataclass(frozen=True)
class Place:
    """Where a side runs.

    Attributes:
        name: `old` or `new`.
        python: its interpreter.
        checkout: the folder of the project whose code it runs.
        arguments: options of the suite.
        worker: the module of the checkout that answers.
    """

    name: str
    python: Path
    checkout: Path
    arguments: tuple[str, ...] = ()
    worker: str = "rehearsal.worker"

    def check(self) -> None:
        """Refuse an interpreter or a checkout that cannot be a side, before anything of it runs for long.

        Raises:
            UnusableSide: which says what is wrong with it.
        """
        option = f"--{self.name} {self.python}"
        said = "\n".join(self._output(option, "-V")).strip()
        if not re.search("^Python ", said, re.MULTILINE):
            raise UnusableSide(f"{option} is no Python interpreter; name one, such as .venv/bin/python")
        lines = self._output(option, "-c", PROBE, *NEEDED)[0].strip().splitlines()
        try:
            version, lacking = json.loads(lines[-1])
        except (ValueError, IndexError):
            raise UnusableSide(
                f"{option} cannot run a line of Python; try it by hand: {self.python} -c 'print(1)'"
            ) from None
        if len(lines) > 1:
            raise UnusableSide(
                f"{option} prints {lines[0][:LAST_WORDS]!r} when it starts, where only answers are read; have it (or "
                "its sitecustomize) print to standard error"
            )
        if tuple(version) < OLDEST_PYTHON:
            raise UnusableSide(f"{option} is Python {version[0]}.{version[1]}; a side needs 3.11 or later")
        if lacking:
            raise UnusableSide(
                f"{option} lacks {', '.join(lacking)}; install the project's requirements there: "
                f"{self.python} -m pip install -e {self.checkout}"
            )
        if not (self.checkout / "rehearsal" / "worker.py").is_file():
            raise UnusableSide(
                f"--{self.name}-checkout {self.checkout} has no rehearsal/worker.py, so it cannot be rehearsed: it "
                "is no checkout of this project, or one from before the rehearsal; rehearse two environments instead"
            )

    def _output(self, option: str, *arguments: str) -> tuple[str, str]:
        """What the interpreter writes to standard output and to standard error."""
        try:
            done = subprocess.run(
                [self.python, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=START_S,
                check=False,
            )
        except FileNotFoundError:
            raise UnusableSide(f"{option} does not exist; name an interpreter, such as .venv/bin/python") from None
        except subprocess.TimeoutExpired:
            raise UnusableSide(f"{option} did not answer within {START_S:g} s") from None
        except OSError as error:
            raise UnusableSide(f"{option} cannot be run: {error.strerror}; name a Python interpreter") from None
        return done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


class Side:
    """A process of one side, from its start to its end. It starts at once; `begin` waits until it is there.

    Attributes:
        description: what it says of itself, as soon as it has begun.

    Raises:
        UnusableSide: there is no room for its log.
        SideEnded: its interpreter ended at once.
    """

    description: dict[str, Any]

    def __init__(self, place: Place) -> None:
        self.place = place
        self.name = place.name
        self._folder, self._log = _log(place.name)
        self._pid = 0
        self._group = execnet.Group()
        with self._ended_if_it_fails():
            self._launch()

    def begin(self) -> None:
        """Wait until the process has imported what it needs, and described itself.

        Raises:
            UnusableSide: it cannot run the checkout, or speaks another version of the protocol.
            SideEnded: it ended while it started.
        """
        with self._ended_if_it_fails():
            hello = self._receive("starting", START_S)
            if "error" in hello:
                raise UnusableSide(f"the {self.name} side cannot import {self.place.checkout}: {hello['error']}")
            if hello["protocol"] != VERSION:
                raise UnusableSide(
                    f"--{self.name}-checkout {self.place.checkout} speaks version {hello['protocol']} of the "
                    f"rehearsal's protocol, this checkout version {VERSION}; start the rehearsal from the newer "
                    "checkout"
                )
            try:
                self.description = self._answer("starting", START_S)
            except NotAnswered as error:
                raise UnusableSide(f"the {self.name} side: {error}") from None

    @contextlib.contextmanager
    def _ended_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.end(at_once=True)
            raise

    def _launch(self) -> None:
        spec = execnet.XSpec("popen")
        spec.python = shlex.quote(os.path.abspath(self.place.python))  # noqa: PTH100  a venv's link must not be resolved
        checkout = str(self.place.checkout.resolve())
        try:
            self._channel = self._group.makegateway(spec).remote_exec(BEGIN)
            self._channel.send({"log": str(self._log), "checkout": checkout, "worker": self.place.worker})
        except (OSError, EOFError, AssertionError):  # execnet's, where the process ends before it listens
            raise SideEnded(self.name, "'s interpreter ended while starting") from None
        self._pid = self._receive("starting", START_S)["pid"]
        with contextlib.suppress(OSError):  # it has ended, and `begin` finds out why
            self._channel.send({"do": "begin", "arguments": list(self.place.arguments)})

    def ask(self, request: str, doing: str, timeout_s: float, **arguments: Any) -> Any:
        """The answer to a request.

        Args:
            doing: what the side does then, for the sentence where it ends.

        Raises:
            NotAnswered: the side says why it cannot.
            SideEnded: its process ended before it answered, or after this many seconds was ended.
        """
        try:
            self._channel.send({"do": request, **arguments})
        except OSError:
            raise SideEnded(self.name, self._why(doing)) from None
        return self._answer(doing, timeout_s)

    def end(self, *, at_once: bool = False) -> None:
        """End the process, whatever it does; it is gone afterwards."""
        if at_once:
            self._kill()
        self._group.terminate(timeout=END_S)
        self._pid = 0  # which another process may have from now on
        self._folder.cleanup()

    def _answer(self, doing: str, timeout_s: float) -> Any:
        answer = self._receive(doing, timeout_s)
        if "error" in answer:
            raise NotAnswered(answer["error"])
        return answer["answer"]

    def _receive(self, doing: str, timeout_s: float) -> dict[str, Any]:
        try:
            return dict(self._channel.receive(timeout_s))
        except self._channel.TimeoutError:
            self._kill()
            raise SideEnded(self.name, f" took longer than {timeout_s:g} s for {doing} and was ended") from None
        except self._channel.RemoteError as error:
            last = str(error).strip().splitlines()[-1][:LAST_WORDS]
            raise SideEnded(self.name, f"'s process ended while {doing}: {last}") from None
        except EOFError:
            raise SideEnded(self.name, self._why(doing)) from None

    def _kill(self) -> None:
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def _why(self, doing: str) -> str:
        """How the process ended, as far as the system and its last words say."""
        how = ""
        deadline = time.monotonic() + END_S
        while self._pid and not how and time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                status = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if status is None:
                    time.sleep(0.02)
                    continue
                if status.si_code == os.CLD_EXITED:
                    how = f" with status {status.si_status}"
                else:
                    how = f" by {signal.Signals(status.si_status).name}"
                    if status.si_status == signal.SIGKILL:
                        how += " (somebody killed it, or the machine ran out of memory)"
            break
        said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        fatal = [line for line in said if line.startswith("Fatal Python error")]
        words = f": {fatal[0][:LAST_WORDS]}" if fatal else ""
        return f"'s process ended{how} while {doing}{words}"


def _log(name: str) -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """A folder of a side, and the file in it that gets its standard error.

    Raises:
        UnusableSide: there is no room for it.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=f"rehearsal-{name}-", ignore_cleanup_errors=True)
        log = Path(folder.name, "log")
        log.touch()
    except OSError as error:
        raise UnusableSide(
            f"the log of the {name} side cannot be written to a temporary folder: {error.strerror}; free some space, "
            "or set TMPDIR"
        ) from None
    return folder, log


def end_all(sides: Collection[Side], *, at_once: bool = False) -> None:
    """End every side, side by side; also where ending one of them fails."""
    with ThreadPoolExecutor(max(1, len(sides))) as threads:
        ends = [threads.submit(side.end, at_once=at_once) for side in sides]
    for ended in ends:
        ended.result()
