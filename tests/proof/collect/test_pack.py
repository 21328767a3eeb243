"""Packing stored runs: smaller, and nothing that is scored is another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proof.collect.pack import main, reduced
from proof.score.sight import score
from proof.score.stored import read_all
from regression.judge.judge import judge
from tests.proof.sight_runs import Runs, slowed

FULL = Path(__file__).resolve().parents[3] / "baselines" / "nvidia-h200" / "Linux-CPython-3.12-64bit"


def test_what_is_packed_has_the_same_score(tmp_path, capsys):
    runs = Runs(tmp_path / "runs").add(5).add(3, **slowed())
    archive = tmp_path / "monday.tar.xz"
    assert main([str(runs.path), str(archive)]) == 0
    assert "8 runs in " in capsys.readouterr().out
    plain, packed = (score(read_all([path])[0]) for path in (runs.path, archive))
    assert packed.judged == 3 and (packed.others, packed.accused) == (plain.others, plain.accused)
    for place, found in plain.seen.items():
        for one, other in zip(found, packed.seen[place], strict=True):
            assert (one.reported, one.named, one.said) == (other.reported, other.named, other.said)
            assert one.claimed == pytest.approx(other.claimed) and one.size == pytest.approx(other.size)


@pytest.mark.skipif(not FULL.is_dir(), reason="the stored baseline is not here")
def test_a_full_run_is_judged_alike_and_smaller(tmp_path):
    files = sorted(FULL.glob("*_baseline.json"))[:6]
    for file in files:
        (tmp_path / file.name).write_text(json.dumps(reduced(json.loads(file.read_text())), separators=(",", ":")))
    reports = []
    for folder in (FULL, tmp_path):
        runs, left_out = read_all([folder / file.name for file in files])
        assert not left_out
        reports.append(judge(runs[-1], runs[:-1]))
    full, packed = ([(one.benchmark, one.metric, one.verdict, one.reason) for one in r.judgements] for r in reports)
    assert full == packed and len(full) > 50
    assert sum((tmp_path / file.name).stat().st_size for file in files) < 0.91 * sum(f.stat().st_size for f in files)


def test_another_ending_and_an_empty_folder_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "monday.zip"])
    assert "does not end in .tar.xz" in capsys.readouterr().err
    assert main([str(tmp_path), "monday.tar.xz"]) == 2
    assert "there is no stored run" in capsys.readouterr().err
