"""What the tests of every room share: small inner sessions of the suite on the CPU, folders of made-up stored runs."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

from regression import rerun
from regression.runs import read as stored_run
from tests import quick
from tests.inner_session import quickly, suite_arguments
from tests.quick import pytest_collection_finish as pytest_collection_finish
from tests.regression.recorder import Recorder
from tests.remembered import remember

pytest_plugins = ["pytester"]

# An inner session that imports these leaves matplotlib half imported, entry points to importlib_metadata, and Python's
# own distutils to setuptools, which refuses it: they come before it. A GPU machine without pygal runs tests/gpu alone.
for module in ("matplotlib.figure", "pytest_benchmark.histogram", "setuptools"):
    with contextlib.suppress(ImportError):
        importlib.import_module(module)

# These tests may run beside each other; the sessions inside them are no workers.
for variable in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
    del os.environ[variable]

# What a shell starts in the background ignores Ctrl-C, and what nohup starts a closed terminal; so would every process
# that a test interrupts.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# One thread for a model this small: two sessions beside each other would wait for each other's spinning threads.
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
# NumPy's OpenBLAS was loaded with the root's conftest.py and reads the variable no more, unless a worker inherited it.
for library in Path(np.__file__).parents[1].glob("numpy.libs/libscipy_openblas64_*"):
    ctypes.CDLL(str(library)).scipy_openblas_set_num_threads64_(1)

# A machine that is busy with something else is no defect.
settings.register_profile("suite", settings(), deadline=None)
settings.load_profile("suite")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`make test` asks twice: for what is marked `alone`, no module need be imported that lacks the word."""
    alone = config.option.markexpr == "alone" and collection_path.suffix == ".py"
    return True if alone and "alone" not in collection_path.read_text() else None


SMALL = (
    "--device=cpu", "--models=test_efficientnet", "--weights=seeded", "--batch-sizes=1",
    "--benchmark-max-time=0.05", "--benchmark-min-rounds=5",
)  # fmt: skip


@pytest.fixture
def pytorch_settings():
    """PyTorch's own settings of TF32, before the test and after it, whatever it sets."""

    def reset():
        backends: Any = torch.backends
        backends.fp32_precision = "none"
        # The older names raise where the newer ones alone were set.
        backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32 = True, False
        backends.cuda.matmul.fp32_precision = "none"

    reset()
    yield
    reset()


@pytest.fixture
def nothing_to_collect():
    """What earlier tests left in cycles is freed before this one weighs the heap; nothing is collected meanwhile."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def steady_time(monkeypatch):
    """A clock that only sleeping moves, and looking at it, by a microsecond: no other process disturbs it."""
    now = [0.0]

    def sleep(duration_s):
        now[0] += duration_s

    def look():
        now[0] += 1e-6
        return now[0]

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "perf_counter", look)


@pytest.fixture
def quick_compiler(monkeypatch):
    """Inductor compiles what it is asked to, and neither headers nor trials of vectors: ten seconds each."""
    monkeypatch.setattr("torch._inductor.config.cpp_cache_precompile_headers", False)
    monkeypatch.setattr("torch._inductor.config.cpp.vec_isa_ok", False)


@pytest.fixture
def fresh_processes(monkeypatch):
    """Asked for by tests in which a session really measures again in fresh processes, some seconds each."""
    monkeypatch.setenv("PYTEST_PLUGINS", quickly()["PYTEST_PLUGINS"])


@pytest.fixture
def remembered(monkeypatch):
    """Loads a model with seeded weights, and learns how it amplifies rounding, as a session does, in less time."""
    remember(monkeypatch.setattr)


@pytest.fixture
def run_suite(pytester, monkeypatch, request, remembered):
    """Runs `pytest benchmarks/` in this process, storing into `store/` of a folder of its own."""

    def refuse(*arguments):
        raise rerun.NotMeasured("this test asks for no fresh processes")

    quick.measure_briefly(monkeypatch.setattr)
    if "fresh_processes" not in request.fixturenames:
        monkeypatch.setattr(rerun, "measure", refuse)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*arguments, small=SMALL, storage="store"):
        storage_option = (f"--benchmark-storage=file://{pytester.path / storage}",) if storage else ()
        return pytester.runpytest_inprocess(*suite_arguments(*small, *storage_option, *arguments))

    return run


@pytest.fixture(scope="session")
def first_runs() -> dict[Path, str]:
    """The real run that baselines are made from, once a test has recorded it: its place in a storage, its text."""
    return {}


@pytest.fixture
def first_run(run_suite, pytester, first_runs):
    """A real run of one latency, stored as `first`: its file."""
    if not first_runs:
        run_suite("--benchmark-save=first", "--variants=eager-fp32", "-k", "latency").assert_outcomes(passed=2)
        (recorded,) = pytester.path.glob("store/*/0001_first.json")
        first_runs[recorded.relative_to(pytester.path)] = recorded.read_text()
    ((place, text),) = first_runs.items()
    first = pytester.path / place
    first.parent.mkdir(parents=True, exist_ok=True)
    first.write_text(text)
    return first


@pytest.fixture
def record_baseline(first_run):
    """Stores five baseline runs, made from a real one by scaling its latencies, visited and in a window.

    They have no host calibration, which a busy machine moves by up to fifty times: it would excuse any latency.
    """

    def record(scale):
        run = json.loads(first_run.read_text())
        (benchmark,) = run["benchmarks"]
        median = benchmark["stats"]["median"]
        info = benchmark["extra_info"]
        info["gpu_state"] = []
        visited = info["visited_latency_s"]
        del info["host_calibration_s"], info["visited_calibration_s"]
        for number in range(5):
            run["datetime"] = f"2026-01-0{number + 1}T03:00:00+00:00"
            run["suite"]["run_id"] = f"baseline {number}"
            for name in ("min", "q1", "median", "q3", "max", "mean"):
                benchmark["stats"][name] = median * scale * (1 + 0.001 * number)
            info["visited_latency_s"] = visited * scale * (1 + 0.001 * number)
            first_run.with_name(f"000{number + 2}_baseline.json").write_text(json.dumps(run))

    return record


@pytest.fixture
def stored_runs(pytester):
    """Reads the runs that were stored, by file name."""
    return lambda: {path.name: json.loads(path.read_text()) for path in sorted(pytester.path.glob("store/*/*.json"))}


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "storage" / "nvidia-h200")


@pytest.fixture
def files_read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of stored runs that the judge or a history has read since, in their order."""
    files: list[Path] = []
    load = stored_run.load

    def noted(path: Path) -> Mapping[str, Any]:
        files.append(path)
        return load(path)

    monkeypatch.setattr(stored_run, "load", noted)
    return files


@pytest.fixture
def new_recorder(tmp_path: Path) -> Callable[[str], Recorder]:
    """Recorders of further folders."""
    return lambda name: Recorder(tmp_path / "storage" / name, seed=11)
