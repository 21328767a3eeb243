"""Runs a workflow's own steps as GitHub does, in a folder of a test's choosing."""

import os
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

WORKFLOWS = Path(__file__).parents[2] / ".github" / "workflows"


def load(path: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(path)


def step_script(workflow: str, job: str, step: str) -> str:
    steps = load(WORKFLOWS / workflow)["jobs"][job]["steps"]
    (script,) = [entry["run"] for entry in steps if entry.get("name") == step]
    return script


def run_script(script: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a step's script as GitHub does for ``shell: bash``."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


def write_executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
