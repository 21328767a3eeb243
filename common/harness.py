"""pytest-benchmark's internals: options, storage, rounds, documents, commit. `saving.py` writes what it stores."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from timeit import default_timer
from typing import TYPE_CHECKING, Any

from common import marks, output
from common.marks import Standing
from common.schema import BASELINE
from common.stored import failures, interrupted

if TYPE_CHECKING:
    import pytest

# pytest-benchmark has a folder for each Python, and stored runs may lie in further ones, such as one for each host.
ANY_FOLDER = "**"
# No pattern names the baseline: pytest-benchmark ends it with a star, and marks decide as well. `compare_with_baseline`
# answers this one with the files that are.
BASELINE_GLOB = f"{ANY_FOLDER}/*[0-9][0-9][0-9][0-9]_{BASELINE}"
STATISTICS = ("min", "max", "mean", "stddev", "median", "iqr", "q1", "q3", "ld15iqr", "hd15iqr", "ops", "rounds")


# Options


def _value(name: str, value: Any) -> list[str]:
    return [] if value is None else [f"{name}={value}"]


def _flag(name: str, value: Any) -> list[str]:
    return [name] if value else []


def _warmup(name: str, value: bool | None) -> list[str]:
    """Without a KIND the option is None, which pytest-benchmark stores as it is."""
    return [name] if value is None else [f"{name}={'on' if value else 'off'}"]


def _loops(name: str, value: int | None) -> list[str]:
    return [f"{name}={'auto' if value is None else value}"]


# A bare --benchmark-warmup would take the word after it for its KIND, so another option has to follow.
MEASURING: Mapping[str, Callable[[str, Any], list[str]]] = {
    "--benchmark-enable": _flag,
    "--benchmark-only": _flag,
    "--benchmark-warmup": _warmup,
    "--benchmark-warmup-iterations": _value,
    "--benchmark-min-rounds": _value,
    "--benchmark-min-time": _value,
    "--benchmark-max-time": _value,
    "--benchmark-timer": _value,
    "--benchmark-calibration-precision": _value,
    "--benchmark-disable-gc": _flag,
    "--benchmark-cprofile": _value,
    "--benchmark-cprofile-loops": _loops,
}
"""Every option that shapes what is measured and how, with how its parsed value is written as arguments."""


def measuring_arguments(config: pytest.Config) -> list[str]:
    """Arguments that make another pytest process measure as this one does; no option's value stands last and open."""
    return [word for name, write in MEASURING.items() for word in write(name, _get(config, name))]


def is_given(config: pytest.Config, name: str) -> bool:
    """Whether the user gave the option, on the command line, in PYTEST_ADDOPTS or in the configuration file."""
    given = (
        *config.getini("addopts"),
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *config.invocation_params.args,
    )
    return any(word == name or word.startswith(f"{name}=") for word in given)


def set_default(config: pytest.Config, name: str, value: Any) -> None:
    """Give an option another default than pytest-benchmark's: what the user gave stays."""
    if not is_given(config, name):
        _set(config, name, value)


def know_clock() -> None:
    """Tell pytest-benchmark how fine its usual clock is; it would watch it for a second after the first warm-up."""
    from pytest_benchmark.fixture import BenchmarkFixture

    readings = [default_timer() for _ in range(1000)]
    steps_s = [later - earlier for earlier, later in itertools.pairwise(readings) if later > earlier]
    if steps_s:
        known: Any = BenchmarkFixture._precisions
        known.setdefault(default_timer, min(steps_s))


def compare(config: pytest.Config) -> bool | str:
    """What `--benchmark-compare` asks for: True without a value, False if it is not given, else a pattern or file."""
    asked: bool | str = _get(config, "--benchmark-compare") or False
    return asked


def is_distributed(config: pytest.Config) -> bool:
    """Whether pytest-xdist runs the tests beside each other: in the session that was started, and in its workers."""
    return getattr(config.option, "dist", "no") != "no" or "PYTEST_XDIST_WORKER" in os.environ


def histogram(config: pytest.Config) -> str | None:
    """What the names of the files of `--benchmark-histogram` begin with; None where it is not given."""
    prefix: str | None = (_get(config, "--benchmark-histogram") or [None])[-1]
    return prefix


def why_nothing_is_measured(config: pytest.Config) -> str:
    """Which option keeps pytest-benchmark from timing anything; empty where none does."""
    session = config.pluginmanager.get_plugin("pytest-benchmark")
    if config.option.collectonly:
        return "--collect-only runs no test"
    if is_distributed(config):
        return "pytest-xdist (-n) runs tests beside each other, and pytest-benchmark times none then; leave it out"
    if session is None:
        return "pytest-benchmark is not loaded"
    return "--benchmark-disable times nothing" if session.disabled else ""


def compare_with(config: pytest.Config, pattern: str | None) -> None:
    """Let pytest-benchmark compare with what matches the pattern, or with nothing."""
    _set(config, "--benchmark-compare", pattern or [])


def compare_with_baseline(config: pytest.Config, files: Sequence[Path]) -> None:
    """Let pytest-benchmark compare with just these runs; to be called when its session has been configured."""
    session = config.pluginmanager.get_plugin("pytest-benchmark")
    if session is None:
        return
    query = session.storage.query
    session.storage.query = lambda *asked: list(files) if asked == (BASELINE_GLOB,) else query(*asked)
    compare_with(config, BASELINE_GLOB)
    session.compare = BASELINE_GLOB
    session.handle_loading()


def is_only_benchmarks(config: pytest.Config) -> bool:
    """Whether `--benchmark-only` skips every test that pytest-benchmark does not time."""
    return bool(_get(config, "--benchmark-only"))


def saves(config: pytest.Config) -> bool:
    return bool(_get(config, "--benchmark-save") or _get(config, "--benchmark-autosave"))


def check_outputs(config: pytest.Config) -> None:
    """Refuse what pytest-benchmark could not write after the last benchmark.

    Raises:
        common.output.UnwritableOutput: names the option, the path and what is in the way.
    """
    uri = str(_get(config, "--benchmark-storage"))
    if "://" in uri and not uri.startswith(("file://", "elasticsearch+")):
        raise output.UnwritableOutput(f"--benchmark-storage: {uri} is no folder; name a store by --store")
    prefix = histogram(config)
    if prefix:
        try:
            import pytest_benchmark.histogram  # noqa: F401
        except ImportError as error:
            raise output.UnwritableOutput(
                f"--benchmark-histogram: pygal cannot be imported ({error.__cause__ or error}); "
                "pip install 'pytest-benchmark[histogram]'"
            ) from None
    file = _get(config, "--benchmark-json")
    dump = (_get(config, "--benchmark-cprofile-dump") or [None])[-1]
    folder = storage_folder(config) if saves(config) else None
    outputs = {
        "--benchmark-json": getattr(file, "name", None),
        "--benchmark-histogram": prefix,
        "--benchmark-cprofile-dump": dump,
        "--benchmark-storage": folder and folder / "run.json",
    }
    for name, path in outputs.items():
        if path:
            try:
                output.check(Path(path))
            except output.UnwritableOutput as error:
                raise output.UnwritableOutput(f"{name}: {error}") from None


# Stored runs


def storage_folder(config: pytest.Config) -> Path | None:
    """The folder of `--benchmark-storage`; None where it is an Elasticsearch server."""
    uri = str(_get(config, "--benchmark-storage"))
    return None if uri.startswith("elasticsearch+") else Path(uri.removeprefix("file://"))


def make_comparable(
    session: Any, machine_info: dict[str, Any], run: dict[str, Any], standing: Standing | None = None
) -> list[str]:
    """Take out of a loaded run, in place, what pytest-benchmark would trip over or should not compare with.

    Args:
        session: the `benchmarksession` of `pytest_benchmark_compare_machine_info`; it shows the sentences as warnings.
        machine_info: this session's.
        standing: what the run is by the marks beside it.

    Returns:
        Sentences that say what was left out and why.
    """
    problems: list[str] = []
    usable: list[dict[str, Any]] = []
    recorded = run.get("machine_info")
    if standing is not None and standing.excluded is not None:
        problems.append(f"left out a stored run: it {marks.sentence(standing.excluded)}")
    elif interrupted(run):
        problems.append(f"left out a stored run: it was interrupted ({interrupted(run)})")
    elif not isinstance(recorded, dict):
        problems.append("left out a stored run: it has no machine_info; record it again")
    elif _slug(recorded) not in (None, _slug(machine_info)):
        problems.append(f"left out a stored run: it was recorded on {_slug(recorded)}, this is {_slug(machine_info)}")
    else:
        usable = [benchmark for benchmark in run["benchmarks"] if _is_usable(benchmark)]
        missing = len(run["benchmarks"]) - len(usable)
        if missing:
            problems.append(
                f"left out {missing} benchmark(s) of a stored run: without a name or a whole set of statistics"
            )
    failed = failures(run)
    counting = [one for one in usable if standing is None or standing.counts_for(benchmark_id(one))]
    run["benchmarks"] = [one for one in counting if benchmark_id(one) not in failed]
    # what differs is for the verdict's header to say in a line, not for a warning that dumps both dictionaries
    run["machine_info"] = machine_info
    for problem in problems:
        session.logger.warning(problem)
    return problems


def file_of(session: Any, run: dict[str, Any]) -> Path | None:
    """The file of a run that pytest-benchmark has loaded; what it loads, it adds to."""
    loaded: dict[Path, Any] = getattr(session.storage, "_cache", {})
    return next((path for path, data in loaded.items() if data is run), None)


def benchmark_id(benchmark: Mapping[str, Any]) -> str:
    """What marks call a benchmark of a stored run."""
    return str(benchmark.get("param") or benchmark.get("name"))


def _is_usable(benchmark: Any) -> bool:
    if not isinstance(benchmark, dict) or not isinstance(benchmark.get("stats"), dict):
        return False
    stats = benchmark["stats"]
    return isinstance(benchmark.get("fullname"), str) and all(
        isinstance(stats.get(name), (int, float)) and stats[name] == stats[name] for name in STATISTICS
    )


def _slug(machine_info: Mapping[str, Any]) -> str | None:
    slug = machine_info.get("slug")
    return slug if isinstance(slug, str) else None


# The session


class Measured:
    """What pytest-benchmark holds of the session's benchmarks; the machine and the commit are looked at once."""

    def __init__(self, config: pytest.Config, session: Any) -> None:
        self._config, self._session = config, session

    def look(self) -> None:
        """Look at the machine and the commit, which `document` does otherwise; only the first time takes long."""
        self._machine_info, self._commit_info  # noqa: B018

    def document(self, *, with_rounds: bool = False) -> dict[str, Any]:
        """The session as the run that would be stored now, in JSON's types; `with_rounds`, with every round's time."""
        hook, benchmarks = self._config.hook, self._session.benchmarks
        document = hook.pytest_benchmark_generate_json(
            config=self._config,
            benchmarks=benchmarks,
            include_data=with_rounds,
            machine_info=self._machine_info,
            commit_info=self._commit_info,
        )
        hook.pytest_benchmark_update_json(config=self._config, benchmarks=benchmarks, output_json=document)
        plain: dict[str, Any] = json.loads(json.dumps(document, default=str))
        return plain

    def matching(self, pattern: str) -> list[Path]:
        """The stored runs that a pattern of `--benchmark-compare` names."""
        found: list[Path] = self._session.storage.query(pattern)
        return found

    @cached_property
    def _machine_info(self) -> Any:
        return self._session.get_machine_info()

    @cached_property
    def _commit_info(self) -> Any:
        info = self._config.hook.pytest_benchmark_generate_commit_info(config=self._config)
        self._config.hook.pytest_benchmark_update_commit_info(config=self._config, commit_info=info)
        return info


def fail(config: pytest.Config) -> None:
    """Give the session that is about to end the exit status of one with a failed test, unless it has another."""
    session = config.pluginmanager.get_plugin("session")
    if session is not None and session.exitstatus == 0:
        session.exitstatus = 1


def commit_info(root: Path) -> dict[str, Any]:
    """pytest-benchmark's `commit_info` of the checkout at `root`, wherever the session was started."""
    from pytest_benchmark.utils import get_commit_info

    with contextlib.chdir(root):
        info: dict[str, Any] = get_commit_info()
        return info


def name_autosave_after(config: pytest.Config, root: Path) -> None:
    """Put the commit of the checkout at `root` into the name that `--benchmark-autosave` saves as."""
    from pytest_benchmark.utils import get_tag

    if _get(config, "--benchmark-autosave"):
        with contextlib.chdir(root):
            _set(config, "--benchmark-autosave", get_tag())


# One benchmark, as the fixture `benchmark` has it


def rounds_s(benchmark: Any) -> list[float] | None:
    """The seconds of an iteration in every round; None where nothing was timed (`--benchmark-disable`)."""
    return None if benchmark.stats is None else list(benchmark.stats.stats.data)


def median_s(benchmark: Any) -> float:
    """The median of the rounds; only for a benchmark that was timed."""
    return float(benchmark.stats.stats.median)


@contextlib.contextmanager
def whole(benchmark: Any) -> Iterator[None]:
    """A benchmark that did not end, even by Ctrl-C, leaves no rounds behind that would pass for a result."""
    try:
        yield
    except BaseException:
        discard(benchmark)
        raise


def discard(benchmark: Any) -> None:
    """Drop the rounds: the benchmark is neither shown nor stored."""
    benchmark.has_error = True
    if benchmark.stats is not None:
        benchmark.stats.stats.data.clear()


def discard_of(item: pytest.Item) -> None:
    """Drop the rounds of a test that failed, if it is a benchmark that had some."""
    benchmark = (getattr(item, "funcargs", None) or {}).get("benchmark")
    if benchmark is not None:
        discard(benchmark)


def _get(config: pytest.Config, name: str) -> Any:
    return getattr(config.option, _attribute(name))


def _set(config: pytest.Config, name: str, value: Any) -> None:
    setattr(config.option, _attribute(name), value)


def _attribute(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")
