"""What docs/judging.md claims of the H200 runs that are kept in proof/runs: judged anew with the code as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from proof.slowdowns import namings, score
from proof.stored import injected, read_all
from proof.unchanged import accusations

FOLDER = Path(__file__).resolve().parents[2] / "proof" / "runs" / "nvidia-h200"


@pytest.fixture(scope="module")
def runs():
    found, left_out = read_all([FOLDER])
    assert not left_out
    return found


def test_no_unchanged_run_is_accused(runs):
    unchanged = [run for run in runs if injected(run) is None]
    assert len(unchanged) >= 12 and len({run.unit for run in unchanged}) >= 4
    found = accusations(unchanged, 1000, seed=2)
    assert found.every.judgings == 1000 and found.every.again > 20
    assert found.every.slower == found.every.slower_before == 0


def test_half_a_percent_of_kernel_time_is_seen(runs):
    found = {group: value for group, value in score(runs, 10, seed=2).groups.items() if group.asked == "0.5%"}
    assert {group.benchmark.rpartition("-")[2] for group in found} == {"b1", "b128"}
    for detection in found.values():
        judged = [*detection.runs, *detection.draws]
        assert len(detection.runs) == detection.same_unit >= 5
        assert sum(item.slower for item in judged) >= 0.95 * len(judged)
        assert all(item.claimed <= 0.005 for item in judged)


def test_the_right_kernel_is_named_first_every_time(runs):
    found = namings(runs)
    assert {group.kind for group in found} == {"kernel", "layout"}
    assert all(naming.right.total() == naming.runs for naming in found.values())
    assert sum(naming.runs for group, naming in found.items() if group.kind == "kernel") >= 2 * 10


def test_a_sitting_that_cannot_be_unpacked_is_named(tmp_path):
    (tmp_path / "monday.tar.xz").write_bytes(b"no archive")
    found, left_out = read_all([tmp_path, FOLDER / "2026-11-23-b.tar.xz"])
    assert len(found) == 1
    (item,) = left_out
    assert "monday.tar.xz" in str(item) and "cannot be unpacked" in str(item)
