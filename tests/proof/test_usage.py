"""Every command of `proof` says how it is called, and answers a wrong argument with a sentence."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A session starts this one.
SERVERS = ("proof.inject.starting",)
COMMANDS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for path in (ROOT / "proof").rglob("*.py")
    if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
}


@pytest.mark.parametrize("command", sorted(COMMANDS.difference(SERVERS)))
@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("--no-such-option", 2)])
def test_it_says_how_it_is_called(
    command: str,
    argument: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [command, argument])
    # the module that runs, and never a package: what is imported anew in its place would lack its modules
    is_package = ROOT.joinpath(*command.split(".")).is_dir()
    monkeypatch.delitem(sys.modules, f"{command}.__main__" if is_package else command, raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(command, run_name="__main__", alter_sys=True)
    told = capsys.readouterr()
    assert ended.value.code == status
    assert f"usage: python -m {command} " in told.out + told.err
