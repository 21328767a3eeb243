"""The history of stored runs: what is found, what changed that night, and what is said where nothing is found."""

import json
import os

import numpy as np
import pytest

from common import marks
from proof.simulated_runs import benchmark, run, save
from regression.history import series
from regression.history.reader import Reader
from regression.report import history
from regression.runs.read import read as run_of

NAMES = ("efficientnet_b0-eager-fp32-b1", "efficientnet_b0-tensorrt-fp16-b128")


def stored(folder, nights, ratio=lambda night, name: 1.0, machine=lambda night: {}, seed=0):
    """Save so many nights of both benchmarks; `ratio` slows kernel time down, `machine` changes fields."""
    random = np.random.default_rng(seed)
    for night in range(nights):
        records = [
            benchmark(
                name,
                kernel_time_s=0.005 * ratio(night, name) * np.exp(random.normal(scale=0.0007)),
                latency_s=0.0055 * np.exp(random.normal(scale=0.02)),
            )
            for name in NAMES
        ]
        save(folder, run(records, night, **machine(night)), f"{night:04d}_nightly")
    return folder


def changes(folder, capsys):
    """The histories and their changes, through the command line."""
    assert history.main([str(folder), "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)["histories"]


def test_a_step_is_reported_with_its_night_its_size_and_the_driver_that_came_with_it(tmp_path, capsys):
    stored(
        tmp_path,
        40,
        ratio=lambda night, name: 1.01 if night >= 25 and "tensorrt" in name else 1.0,
        machine=lambda night: {"software": {"driver": "590.12" if night >= 25 else "580.95"}},
    )
    (found,) = changes(tmp_path, capsys)
    (change,) = found["changes"]
    assert (change["benchmark"], change["metric"], change["kind"]) == (NAMES[1], "kernel_time", "step")
    assert change["first"].startswith("2026-03-26")
    assert change["run"].endswith("0025_nightly.json")
    assert change["ratio"] == pytest.approx(1.01, abs=0.001)
    assert change["environment"] == ["software.driver 580.95 -> 590.12"]


def test_half_a_percent_a_night_is_a_drift(tmp_path, capsys):
    stored(tmp_path, 40, ratio=lambda night, name: 1.005 ** min(max(night - 19, 0), 10) if "eager" in name else 1.0)
    (found,) = changes(tmp_path, capsys)
    (change,) = found["changes"]
    assert (change["benchmark"], change["kind"]) == (NAMES[0], "drift")
    assert change["first"].startswith("2026-03-21")
    assert change["ratio"] == pytest.approx(1.051, abs=0.003)


def test_a_step_back_is_two_changes(tmp_path, capsys):
    stored(tmp_path, 40, ratio=lambda night, name: 1.02 if 15 <= night < 25 else 1.0)
    (found,) = changes(tmp_path, capsys)
    assert [change["first"][:10] for change in found["changes"]] == ["2026-03-16"] * 2 + ["2026-03-26"] * 2


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_has_no_change(tmp_path, capsys, seed):
    (found,) = changes(stored(tmp_path, 40, seed=seed), capsys)
    assert found["changes"] == []
    assert "no lasting change" in found["summary"]


def test_another_gpu_model_has_a_history_of_its_own(tmp_path, capsys):
    stored(
        tmp_path,
        30,
        ratio=lambda night, name: 2.0 if night >= 14 else 1.0,
        machine=lambda night: {"gpu": {"slug": "nvidia-h200" if night < 14 else "nvidia-l4"}},
    )
    found = changes(tmp_path, capsys)
    assert [(one["gpu"], one["runs"], one["changes"]) for one in found] == [
        ("nvidia-h200", 14, []),
        ("nvidia-l4", 16, []),
    ]


def test_one_run_is_no_history_and_no_error(tmp_path, capsys):
    assert history.main([str(stored(tmp_path, 1))]) == 0
    assert capsys.readouterr().out == "nvidia-h200: one stored run; a history needs at least 6.\n"


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_the_answer_is_printed_night_by_night(tmp_path, capsys, form):
    stored(
        tmp_path,
        30,
        ratio=lambda night, name: 1.01 if night >= 14 else 1.0,
        machine=lambda night: {"software": {"torch": "2.12.0 `|<b>" if night >= 14 else "2.11.0"}},
    )
    assert history.main([str(tmp_path), "--format", form]) == 0
    out = capsys.readouterr().out
    assert "2 lasting changes in" in out
    assert "software.torch 2.11.0 -> 2.12.0" in out
    assert "+1.0" in out or "+0.9" in out
    if form == "markdown":
        assert "- `software.torch 2.11.0 -> 2.12.0 '\\|<b>`" in out


def test_files_that_are_no_stored_runs_are_named_and_left_out(tmp_path, capsys):
    stored(tmp_path, 2)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    bad = run([benchmark(NAMES[0])])
    bad["datetime"] = "yesterday"
    save(tmp_path, bad, "undated")
    assert history.main([str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "2 stored runs" in captured.out
    for name in ("broken", "list", "deep", "gone", "undated"):
        assert f"{name}.json" in captured.err
    assert "`datetime`" in captured.err


def test_a_sub_folder_that_may_not_be_read_is_named(tmp_path, capsys, monkeypatch):
    stored(tmp_path, 2)
    secret = tmp_path / "secret"
    secret.mkdir()
    scandir = os.scandir

    def refusing(path):
        if os.fspath(path) == str(secret):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert history.main([str(tmp_path), "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert f"Left out {secret}: this folder cannot be read: Permission denied" in captured.err
    assert json.loads(captured.out)["left_out"][0].startswith(str(secret))


def test_a_folder_inside_one_that_may_not_be_read_is_a_sentence(tmp_path, capsys, monkeypatch):
    def refusing(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", refusing)
    assert history.main([str(tmp_path / "inside")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_the_commit_of_the_night_is_told_and_hides_nothing_of_the_night_beside_it(tmp_path, capsys):
    stored(
        tmp_path,
        40,
        ratio=lambda night, name: 1.01 if night >= 25 else 1.0,
        machine=lambda night: {
            "software": {"driver": "590.12" if night >= 24 else "580.95"},
            "commit": f"{night:02d}" * 20,
        },
    )
    (found,) = changes(tmp_path, capsys)
    assert found["changes"][0]["environment"] == [
        "commit 242424242424 -> 252525252525",
        "software.driver 580.95 -> 590.12 (2026-03-25)",
    ]


def test_a_folder_without_a_stored_run_is_unusable(tmp_path, capsys):
    assert history.main([str(tmp_path)]) == 2
    assert "No stored run" in capsys.readouterr().err
    assert history.main([str(tmp_path / "nowhere")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_values_that_are_no_times_are_left_out_of_a_history(tmp_path, capsys):
    for night in range(8):
        record = benchmark(NAMES[0])
        record["extra_info"]["kernel_time_s"] = [None, float("nan"), -1.0, "x", 0, True, [], 10**400][night]
        save(tmp_path, run([record], night), f"{night:04d}")
    (found,) = changes(tmp_path, capsys)
    assert found["runs"] == 8
    assert found["series"] == 5  # latency and its 99 % quantile, memory, launches and build time


def test_the_history_of_one_run_is_that_of_its_gpu(tmp_path):
    stored(tmp_path, 8, machine=lambda night: {"gpu": {"slug": "nvidia-h200" if night < 5 else "nvidia-l4"}})
    nights, _ = series.read(tmp_path)
    past = series.of(run_of(tmp_path / "0006_nightly.json"), nights)
    assert past is not None
    assert (past.title, len(past.nights)) == ("nvidia-l4", 3)


def test_a_run_has_its_history_wherever_its_file_lies(tmp_path):
    stored(tmp_path / "store", 8)
    nights, _ = series.read(tmp_path / "store")
    elsewhere = save(tmp_path, run([benchmark(NAMES[0])], 9), "artifact")
    past = series.of(run_of(elsewhere), nights)
    assert past is not None and len(past.nights) == 9 and past.nights[-1].file == elsewhere
    copy = tmp_path / "copy.json"
    copy.write_text((tmp_path / "store" / "0007_nightly.json").read_text())
    again = series.of(run_of(copy), nights)
    assert again is not None and len(again.nights) == 8 and copy in [night.file for night in again.nights]


def test_copies_of_a_run_count_once(tmp_path):
    stored(tmp_path / "store", 8)
    document = json.loads((tmp_path / "store" / "0007_nightly.json").read_text())
    document["suite"]["run_id"] = "one"
    document["benchmarks"] = document["benchmarks"][:1]
    save(tmp_path / "store" / "artifacts", document, "0001_cut")
    save(tmp_path / "store" / "artifacts", document, "0002_cut")
    nights, _ = series.read(tmp_path / "store")
    assert len(nights) == 9


def test_what_changed_the_night_before_a_step_is_told_with_its_date(tmp_path, capsys):
    stored(
        tmp_path,
        40,
        ratio=lambda night, name: 1.01 if night >= 25 else 1.0,
        machine=lambda night: {"software": {"driver": "590.12" if night >= 24 else "580.95"}},
    )
    (found,) = changes(tmp_path, capsys)
    assert len(found["changes"]) == 2
    assert all(
        change["environment"] == ["software.driver 580.95 -> 590.12 (2026-03-25)"] for change in found["changes"]
    )


def test_counts_have_a_history_and_only_with_what_was_counted_alike(tmp_path, capsys):
    """A step of one call from one way of counting to the next is none; one operator more in ten is a change."""
    stored(tmp_path, 20)
    for night, path in enumerate(sorted(tmp_path.rglob("*.json"))):
        document = json.loads(path.read_text())
        way = "sys.setprofile 3.11" if night < 6 else "sys.monitoring 3.12"
        totals = {"python_calls": 40000 if night < 6 else 44000, "aten_operators": 200 if night < 12 else 220}
        document["benchmarks"][0]["extra_info"]["host_work"] = totals | {"inferences": 20, "counted_with": way}
        path.write_text(json.dumps(document))
    (found,) = changes(tmp_path, capsys)
    (change,) = found["changes"]
    assert (change["metric"], change["kind"]) == ("aten_operators", "step")
    assert change["first"].startswith("2026-03-13") and change["ratio"] == pytest.approx(1.1)


@pytest.mark.parametrize("later, steps", [(3, 2), (4, 0)], ids=["the same suite", "a suite that places otherwise"])
def test_kernel_time_has_a_history_only_with_suites_that_place_alike(tmp_path, capsys, later, steps):
    """Where engines, weights and activations lie moves it by 1 %, in every night from one on."""
    stored(tmp_path, 40, ratio=lambda night, name: 1.01 if night >= 25 else 1.0)
    for night, path in enumerate(sorted(tmp_path.rglob("*.json"))):
        document = json.loads(path.read_text())
        document["suite"]["loading"] = later if night >= 25 else 3
        path.write_text(json.dumps(document))
    (found,) = changes(tmp_path, capsys)
    assert [change["metric"] for change in found["changes"]] == ["kernel_time"] * steps
    (past,) = series.trace(series.read(tmp_path)[0])
    assert len(list(past.values(NAMES[0], "kernel_time"))) == (40 if steps else 15)


def test_the_history_of_a_latency_is_that_of_its_visits(tmp_path, capsys):
    """Medians before the visits, and medians beside them, are of another kind."""
    stored(tmp_path, 30)
    random = np.random.default_rng(5)
    for night, path in enumerate(sorted(tmp_path.rglob("*.json"))):
        document = json.loads(path.read_text())
        record = document["benchmarks"][0]
        record["stats"]["median"] = 0.004 * np.exp(0.3 * random.standard_normal())
        if night >= 10:
            visited_s = (0.002 if night < 22 else 0.0023) * np.exp(0.005 * random.standard_normal())
            record["extra_info"]["visited_latency_s"] = visited_s
        path.write_text(json.dumps(document))
    (found,) = changes(tmp_path, capsys)
    (change,) = [change for change in found["changes"] if change["metric"] == "latency"]
    assert change["ratio"] == pytest.approx(1.15, rel=0.01) and change["first"].startswith("2026-03-23")
    (past,) = series.trace(series.read(tmp_path)[0])
    values = [value for _, value in past.values(change["benchmark"], "latency")]
    assert len(values) == 20 and max(values) < 0.0025


def test_an_excluded_night_is_left_out_and_named(tmp_path, capsys):
    stored(tmp_path, 4)
    night = Reader().night(tmp_path / "0002_nightly.json")
    marks.append(tmp_path, "exclude", [night.run_id], why="the fan failed")
    nights, left_out = series.read(tmp_path)
    assert len(nights) == 3 and all(one.file != night.file for one in nights)
    (said,) = left_out
    assert said.startswith(f"{night.file}: was excluded on") and "the fan failed" in said
