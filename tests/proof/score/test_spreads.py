"""What stored runs show of their spreads, against spreads worked out by hand."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import pytest

from proof.score.spreads import main, strayed
from proof.score.stored import read_all
from regression.judge.choices import placed
from regression.metrics import METRICS
from tests.proof.proof_runs import IDS, TENSORRT, Folder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "runs")


def rows(folder):
    return {(row.what, row.unit): row for row in strayed(folder.runs())}


def stdev(runs, id_, value):
    return statistics.stdev(math.log(value(run.benchmarks[id_])) for run in runs)


def test_processes_of_one_gpu_and_day_are_compared_and_no_others(folder):
    folder.add(4)
    folder.add(3, uuid="GPU-2", extra=dict.fromkeys(IDS, 0.5))
    folder.add(1, day=2, extra=dict.fromkeys(IDS, 0.5))
    found = rows(folder)["kernel time, the same kernels", "%"]
    assert sorted(found.degrees) == [2] * 6 + [3] * 6
    runs = folder.runs()
    expected = [
        100 * stdev(group, id_, lambda item: item.values["kernel_time"])
        for group in (runs[:4], runs[4:7])
        for id_ in IDS
    ]
    assert sorted(found.spreads) == pytest.approx(sorted(expected))
    latency = rows(folder)["latency", "of its prior"]
    spread = next(metric.spread for metric in METRICS if metric.key == "latency")
    assert spread is not None
    prior = math.hypot(spread.process, spread.rounds * math.log(1.001 / 0.999) / 1.349)
    assert min(latency.spreads) == pytest.approx(
        min(
            stdev(group, id_, lambda item: item.values["latency"]) / prior
            for group in (runs[:4], runs[4:7])
            for id_ in IDS
        )
    )


def test_chosen_kernels_are_told_apart_and_counted_by_the_launch(folder):
    """A copy that only some processes launch: other kernels, so a choice, of 2 launches here."""
    for copies in (0.0, -1.0, 0.0):
        (path,) = folder.add(1, copies=copies)
        document = json.loads(path.read_text())
        for record in document["benchmarks"]:
            record["extra_info"]["launches"] = 2
        path.write_text(json.dumps(document))
    found = rows(folder)
    assert ("kernel time, the same kernels", "%") not in found
    each, percent = (found["kernel time, different kernels", unit] for unit in ("ns a launch", "%"))
    place = IDS.index(TENSORRT)
    middle = statistics.median(run.benchmarks[TENSORRT].values["kernel_time"] for run in folder.runs())
    assert each.spreads[place] == pytest.approx(percent.spreads[place] / 100 * middle / 2 * 1e9)


def test_the_same_kernels_of_benchmarks_whose_others_differ():
    """Against the operators that launched the same kernels in all of four real runs."""
    runs, _ = read_all([ROOT / "proof" / "runs" / "nvidia-h200-weights.tar.xz"])
    found = {row.unit: row for row in strayed(runs) if row.what.startswith("the same kernels of these")}
    assert [found[unit].degrees for unit in ("%", "ns a launch")] == [(3,) * 8] * 2
    for number, id_ in enumerate(id_ for id_ in runs[0].benchmarks if id_.endswith("b128") and "tensorrt" not in id_):
        rows = [placed(run.benchmarks[id_].operators) for run in runs]
        alike = [place for place in rows[0] if len({row[place].launches for row in rows}) == 1]
        spread = statistics.stdev(math.log(sum(row[place].time_s for place in alike)) for row in rows)
        assert len(alike) > 20 and found["%"].spreads[number] == pytest.approx(100 * spread, rel=0.5, abs=0.02)
    # 5 ns a launch is the prior for weights that move
    assert 3 < math.sqrt(statistics.fmean(one**2 for one in found["ns a launch"].spreads)) < 5


def test_nights_are_compared_where_kernels_are_chosen_and_the_gpu_waits(folder):
    """The first benchmark alone waits for the host: its latency is more than twice its kernel time."""
    for number in (1, 2, 3):
        for copies in (0.0, 1e-9, 0.0):  # launched twice in one of the processes
            options = {"uuid": f"GPU-{number}", "extra": dict.fromkeys(IDS, 0.01 * number), "noise": 1e-6}
            (path,) = folder.add(1, copies=copies, latency={IDS[0]: 2.0}, **options)
            document = json.loads(path.read_text())
            for record in document["benchmarks"]:
                record["extra_info"]["launches"] = 2
            path.write_text(json.dumps(document))
    found = rows(folder)["the same, host-bound, of nights", "ns a launch"]
    middle = statistics.median(run.benchmarks[IDS[0]].values["kernel_time"] for run in folder.runs())
    between = statistics.stdev(math.log1p(0.01 * number) for number in (1, 2, 3))
    assert found.spreads == pytest.approx([1e9 * middle / 2 * between], rel=1e-3) and found.degrees == (2,)


def test_a_latency_from_visits_is_held_against_the_prior_of_visits(folder):
    """Of the first benchmark alone, in three processes; half of its latency the GPU waits for the host."""
    for visited_s in (0.00100, 0.00101, 0.00103):
        (path,) = folder.add(1)
        document = json.loads(path.read_text())
        document["benchmarks"][0]["extra_info"] |= {"visited_latency_s": visited_s, "kernel_time_s": 0.5 * visited_s}
        path.write_text(json.dumps(document))
    found = rows(folder)
    expected = statistics.stdev(map(math.log, (0.00100, 0.00101, 0.00103)))
    spread = next(metric.spread for metric in METRICS if metric.key == "latency")
    assert spread is not None
    assert found["latency, from visits", "%"].spreads == pytest.approx([100 * expected])
    prior = math.hypot(spread.process, spread.visits * 0.5)
    assert found["latency, from visits", "of its prior"].spreads == pytest.approx([expected / prior])


def test_what_host_bound_latencies_share_is_told_from_what_each_strays_besides(folder):
    """Six of three variants share 5 % more in one process of four; in another one of them takes 2 % more by itself."""
    for shared, own in ((0.0, 0.0), (0.05, 0.0), (0.0, 0.02), (0.0, 0.0)):
        (path,) = folder.add(1)
        document = json.loads(path.read_text())
        for number, record in enumerate(document["benchmarks"]):
            alone = own if number == 0 else 0.0
            record["extra_info"] |= {"visited_latency_s": 0.001 * math.exp(shared + alone), "kernel_time_s": 0.0005}
        path.write_text(json.dumps(document))
    found = rows(folder)
    shift, besides = found["the shift that these share", "%"], found["latency, host-bound, less a shift", "%"]
    assert shift.spreads == pytest.approx([100 * statistics.stdev([0, 0.05, 0, 0])]) and shift.degrees == (3,)
    assert besides.spreads == pytest.approx([100 * statistics.stdev([0, 0, 0.02, 0]), *[0] * 5], abs=1e-9)
    assert besides.degrees == (3,) * 6


def test_what_gpus_move_alike_is_told_from_what_each_benchmark_strays_besides(recorder):
    """Four benchmarks take 1 % more on one GPU of three; on another one of them takes 2 % more by itself."""
    variants = ("eager-fp32", "eager-fp16", "torchscript-fp32", "torchscript-fp16")
    ids = tuple(f"efficientnet_b0-{variant}-b128" for variant in variants)
    for number, (shared, own) in enumerate(((0.0, 0.0), (0.01, 0.0), (0.0, 0.02))):
        factors = dict.fromkeys(ids, math.exp(shared)) | {ids[0]: math.exp(shared + own)}
        document = recorder.document(factors, ids=ids, noise=0.0, uuid=f"GPU-{number}")
        for record in document["benchmarks"]:
            seconds = record["extra_info"]["kernel_time_s"]
            record["extra_info"]["kernels"] = {"kernel": [0], "launches": [1], "time_s": [seconds]}
        document["suite"]["kernels"] = ["gemm"]
        recorder.store(document)
    (shift, besides) = strayed_alike(recorder)
    assert shift.spreads == pytest.approx([100 * statistics.stdev([0, 0.01, 0])]) and shift.degrees == (2,)
    assert besides.spreads == pytest.approx([100 * statistics.stdev([0, 0, 0.02]), 0, 0, 0], abs=1e-9)


def strayed_alike(recorder):
    found, left_out = read_all([recorder.folder])
    assert not left_out
    return [row for row in strayed(found) if row.what.startswith("PyTorch's kernels at batch 128, ")]


def test_gpus_are_compared_by_their_means(folder):
    for number in (1, 2, 3):
        folder.add(2, uuid=f"GPU-{number}", extra=dict.fromkeys(IDS, 0.01 * number), noise=1e-6)
    found = rows(folder)["kernel time, between GPUs", "%"]
    between = 100 * statistics.stdev(math.log1p(0.01 * number) for number in (1, 2, 3))
    assert found.spreads == pytest.approx([between] * 6, rel=1e-3)


def test_the_table_names_its_runs_and_slowed_ones_do_not_count(folder, capsys):
    folder.add(3)
    folder.add(2, extra={TENSORRT: 0.3}, injected={TENSORRT: {"kind": "kernel", "asked": "30%"}}, name="slowed")
    assert main([str(folder.path)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("3 unchanged runs of 1 GPU\n")
    (line,) = [line for line in printed.splitlines() if line.startswith("kernel time, the same kernels")]
    assert line.split()[-6:-4] == ["6", "12"] and float(line.split()[-1]) < 0.1


def test_single_runs_show_no_spread(folder, capsys):
    folder.add(1)
    assert main([str(folder.path)]) == 2
    assert "give more" in capsys.readouterr().err
