"""A creep against the fixed baseline, from the command line: the judge and the history say the same of it."""

import json
import re
import shutil

import numpy as np
import pytest

from proof.simulated_runs import benchmark, run, save
from regression import command
from regression.report import history

CREEPING = "efficientnet_b0-tensorrt-fp16-b128"
NAMES = (CREEPING, *(f"efficientnet_b0-eager-fp32-b{batch}" for batch in (1, 8, 32, 128)))
NIGHTS = 21
TOLD = re.compile(r"a drift since 2026-03-0[1-3], \+0\.(29|30|31) % a night")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A GPU's storage with five baseline runs and a creep of 0.3 % a night; the last night lies elsewhere."""
    storage = tmp_path_factory.mktemp("storage") / "nvidia-h200"
    random = np.random.default_rng(4)
    for number in range(5 + NIGHTS):
        night = max(number - 4, 0)
        records = [
            benchmark(
                name,
                0.005 * np.exp(0.0005 * random.normal() + 0.003 * night * (name == CREEPING)),
                0.0055 * np.exp(0.002 * random.normal()),
            )
            for name in NAMES
        ]
        stored = run(records, number / 10 if number < 5 else night)
        save(storage, stored, f"{number:04d}_{'baseline' if number < 5 else 'nightly'}")
    elsewhere = tmp_path_factory.mktemp("artifact") / "benchmark.json"
    shutil.move(storage / f"{4 + NIGHTS:04d}_nightly.json", elsewhere)
    return storage, elsewhere


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_the_judge_and_the_history_say_the_same_of_a_creep(folders, capsys, form):
    storage, elsewhere = folders
    assert command.main([str(elsewhere), "--baseline", str(storage), "--format", form]) == command.REGRESSION
    said = " ".join(capsys.readouterr().out.split())
    beside = re.search(r"kernel time SLOWER than the baseline by 6\.\d+ %; in the history (a drift [^(]*)", said)
    assert beside is not None and TOLD.match(beside[1])
    shutil.copy(elsewhere, storage / "0099_nightly.json")
    try:
        assert history.main([str(storage), "--format", "json"]) == 0
    finally:
        (storage / "0099_nightly.json").unlink()
    (past,) = json.loads(capsys.readouterr().out)["histories"]
    (change,) = past["changes"]
    assert (change["benchmark"], change["metric"], change["ongoing"]) == (CREEPING, "kernel_time", True)
    assert f"{change['a_night']:+.2%}".replace("%", " %") in beside[1]
    assert change["first"][:10] in beside[1]


@pytest.mark.parametrize("options", [["--format", "json"], ["-v"], ["--verdict-json", "{file}"]])
def test_every_form_of_the_verdict_says_it(folders, tmp_path, capsys, options):
    storage, elsewhere = folders
    file = tmp_path / "verdict.json"
    words = [word.format(file=file) for word in options]
    assert command.main([str(elsewhere), "--baseline", str(storage), *words]) == command.REGRESSION
    said = file.read_text() if file.exists() else capsys.readouterr().out
    assert TOLD.search(" ".join(said.split()))


def test_the_page_shows_the_history_of_a_run_that_lies_elsewhere(folders, tmp_path, capsys):
    storage, elsewhere = folders
    page = tmp_path / "page.html"
    assert command.main([str(elsewhere), "--baseline", str(storage), "--report", str(page)]) == command.REGRESSION
    capsys.readouterr()
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert f"{5 + NIGHTS} stored runs" in text and "There is no history" not in text
    assert TOLD.search(text)
