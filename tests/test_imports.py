"""Imports go one way: who may know whom, in fresh interpreters and in the source."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("common", "fixtures", "regression", "rehearsal", "proof", "benchmarks")
# What a worker process without pytest runs.
WITHOUT_PYTEST = (
    "fixtures.building",
    "fixtures.starting",
    "fixtures.variants",
    "fixtures.instruments",
    "fixtures.machine",
    "fixtures.models",
    "fixtures.options",
    "fixtures.key",
    "fixtures.pool",
    "fixtures.outputs",
    "fixtures.labelling",
    "fixtures.setup",
    "fixtures.recording",
)
# What judges a recorded rehearsal and shows it.
PURE = tuple(
    f"rehearsal.{name}"
    for name in (
        "bisection",
        "content",
        "described",
        "followed",
        "groups",
        "judge",
        "outputs",
        "page",
        "paired",
        "plan",
        "protocol",
        "record",
        "report",
        "rows",
        "sequential",
        "steps",
        "turns",
    )
)
# What jobs of the nightly workflow run where next to nothing is installed.
NOT_ON_A_HOSTED_RUNNER = frozenset({"numpy", "scipy", "matplotlib", "ruptures", "torch", "fsspec", "pytest", "proof"})
SHOWING_AND_KEEPING = (
    "regression.fleet.command", "regression.report.fleet", "regression.report.fleet_page", "regression.store.command",
)  # fmt: skip
# What forms share; every other module under report/ is a form.
SHARED_BY_FORMS = {
    f"regression.report.{name}"
    for name in (
        "content",
        "rows",
        "answer",
        "coverage",
        "groups",
        "repeat",
        "measured",
        "figures",
        "templating",
        "explained",
    )
}

IMPORT_ALL = """
import importlib, json, os, pkgutil, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        importlib.import_module(found.name)
json.dump(sorted(sys.modules), sys.stdout)
sys.stdout.flush()
os._exit(0)  # taking all of it down again takes a second
"""


def loaded(*packages: str) -> set[str]:
    """What a fresh interpreter has loaded once it has imported every module of the packages; top names and all."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *packages], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("packages", "unwanted"),
    [
        (("common",), {"torch", "numpy", "pytest", "pytest_benchmark", "fixtures", "regression", "proof"}),
        (("regression",), {"torch", "timm", "fixtures", "proof"}),
        (WITHOUT_PYTEST, {"pytest", "_pytest", "pytest_benchmark", "regression", "proof"}),
        (("rehearsal",), {"pytest", "_pytest", "pytest_benchmark", "proof"}),
        (("rehearsal.worker",), {"pytest", "_pytest", "pytest_benchmark", "execnet", "regression", "proof"}),
        (PURE, {"torch", "timm", "execnet", "pytest", "fixtures", "proof"}),
        (("regression.incidents",), NOT_ON_A_HOSTED_RUNNER | {"platformdirs", "jinja2"}),
        (SHOWING_AND_KEEPING, NOT_ON_A_HOSTED_RUNNER),
    ],
    ids=[
        "common",
        "regression",
        "what runs without pytest",
        "rehearsal",
        "a side of a rehearsal",
        "judging a rehearsal",
        "keeping issues",
        "showing a fleet and keeping its runs",
    ],
)
def test_a_fresh_interpreter_loads_no_more_than_it_should(packages: tuple[str, ...], unwanted: set[str]) -> None:
    found = loaded(*packages)
    assert set(packages) <= found
    assert not unwanted & found


def sources() -> dict[str, ast.Module]:
    """Every module of the project by its dotted name."""
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


SOURCES = sources()


def imports(nodes: Iterator[ast.AST]) -> set[str]:
    """The modules of the project, and the top names of others, that these statements import."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None and not node.level, "imports are absolute here"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = names & SOURCES.keys()
            found |= modules if len(modules) == len(names) else modules | {node.module}
    return found


def at_module_level(node: ast.AST) -> Iterator[ast.AST]:
    """All statements that run on import, and those for the type checker: a circle of types is a circle, too."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from at_module_level(child)


def inside(package: str, name: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize(
    ("importer", "strangers"),
    [
        ("common", {"fixtures", "regression", "rehearsal", "proof", "benchmarks", "torch"}),
        ("regression", {"fixtures", "rehearsal", "proof", "benchmarks", "torch", "timm", "pytest_benchmark"}),
        ("fixtures", {"regression", "rehearsal", "proof", "benchmarks", "pytest_benchmark"}),
        ("benchmarks", {"regression", "rehearsal", "proof", "pytest_benchmark"}),
        ("rehearsal", {"proof", "benchmarks", "pytest", "_pytest", "pytest_benchmark"}),
        ("rehearsal.worker", {"regression", "execnet"}),
        *((module, {"fixtures", "torch", "timm", "execnet"}) for module in PURE),
        *((package, {"pytest", "_pytest"}) for package in WITHOUT_PYTEST),
    ],
)
def test_no_statement_imports_a_stranger(importer: str, strangers: set[str]) -> None:
    """Inside functions as well, where a fresh interpreter would not see it."""
    modules = {name: tree for name, tree in SOURCES.items() if inside(importer, name)}
    assert modules
    for name, tree in modules.items():
        known = imports(ast.walk(tree))
        assert not {stranger for stranger in strangers if any(inside(stranger, one) for one in known)}, name


def test_only_the_harness_knows_pytest_benchmarks_modules() -> None:
    """proof/ calls pytest-benchmark's own check to compare with it."""
    knowing = {
        name
        for name, tree in SOURCES.items()
        if any(inside("pytest_benchmark", one) for one in imports(ast.walk(tree)))
    }
    assert {name for name in knowing if not inside("proof", name)} == {"common.harness"}


def test_forms_of_the_report_do_not_know_each_other() -> None:
    forms = {name for name in SOURCES if name.startswith("regression.report.")} - SHARED_BY_FORMS
    assert {"regression.report.terminal", "regression.report.page"} <= forms
    for form in forms:
        assert not imports(ast.walk(SOURCES[form])) & (forms - {form}), form


def test_there_is_no_circle() -> None:
    graph = {name: imports(at_module_level(tree)) & SOURCES.keys() for name, tree in SOURCES.items()}
    assert graph["fixtures.plugin"] >= {"common.harness", "fixtures.suite", "fixtures.collection"}
    graphlib.TopologicalSorter(graph).prepare()
