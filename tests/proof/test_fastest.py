"""What is fastest: several stored runs as one, their tables, what is missing in them, and the plot."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from proof.fastest.__main__ import main
from proof.fastest.tables import shortened
from proof.simulated_runs import benchmark, run, save

ROOT = Path(__file__).resolve().parents[2]
ID = "efficientnet_b0-{}-b{}"
NATIVE = "onnx-tensorrt-fp16"


def stored_run() -> Path:
    return next(iter(sorted((ROOT / "baselines" / "nvidia-h200").rglob("*baseline.json"))))


def saved(
    folder: Path, night: float, latencies_s: Mapping[str, float], uuid: str = "GPU-aaaa", **suite: Any
) -> dict[str, Any]:
    """A stored run of variants at batch 128."""
    records = [benchmark(ID.format(name, 128), 0.9 * latency, latency) for name, latency in latencies_s.items()]
    for record in records:
        if record["params"]["variant"] == "tensorrt-fp16":
            record["extra_info"]["yardstick"] = NATIVE
    stored = run(records, night, gpu={"uuid": uuid})
    stored["suite"] |= suite
    save(folder, stored, f"{night}_run")
    return stored


def tables(printed: str) -> dict[str, list[dict[str, str]]]:
    """Title to the rows, each heading to cell."""
    found: dict[str, list[dict[str, str]]] = {}
    title, heads = "", [""]
    for line in printed.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"\w+(?:, batch \d+)?:", line):
            title = line.rstrip(":")
            found[title] = []
        elif "| variant |" in line:
            heads = cells
        elif line.startswith("|") and "---" not in line:
            found[title].append(dict(zip(heads, cells, strict=True)))
    return found


def test_variants_are_sorted_by_latency_with_their_energy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = json.loads(stored_run().read_text())
    medians_s = {
        one["param"]: one["extra_info"].get("visited_latency_s", one["stats"]["median"]) for one in run["benchmarks"]
    }
    loaded = next(name for name in medians_s if name.endswith("-tensorrt-fp16-b128"))
    (tmp_path / "run.json").write_text(json.dumps(run))
    load = {**run, "benchmarks": [], "datetime": "2026-11-29T10:00:00", "suite": {**run["suite"], "run_id": "load"}}
    load["suite"]["questions"] = [
        {
            "param": f"{loaded}-load",
            "params": {},
            "extra_info": {"in_flight": {"1": {"time_per_image_s": 1e-4, "energy_per_image_j": 0.0123}}},
        }
    ]
    (tmp_path / "load.json").write_text(json.dumps(load))
    assert main([str(tmp_path)]) == 0
    found = tables(capsys.readouterr().out)
    assert len(found) == 4
    for title, rows in found.items():
        model, size = title.split(", batch ")
        expected = sorted(
            (id_ for id_ in medians_s if id_.startswith(model) and id_.endswith(f"-b{size}")), key=medians_s.__getitem__
        )
        assert [f"{model}-{row['variant'].strip('`')}-b{size}" for row in rows] == expected
        # Seeded weights have no labels to keep, and a column without values is none.
        assert {row.get("labels kept") for row in rows} == {"8 of 8" if "lite0" in model else None}
        assert ("energy per image J" in rows[0]) == (title == "efficientnet_b0, batch 128")
        for id_, row in zip(expected, rows, strict=True):
            assert float(row["latency ms"]) == pytest.approx(medians_s[id_] * 1e3, abs=6e-4)
            assert float(row["images per s"].replace(",", "")) == pytest.approx(int(size) / medians_s[id_], abs=1)
            reference_s = medians_s[f"{model}-eager-fp32-b{size}"]
            assert float(row["speed-up"]) == pytest.approx(reference_s / medians_s[id_], abs=6e-3)
            assert row.get("energy per image J", "-") == ("0.0123" if id_ == loaded else "-")


def test_runs_of_two_gpus_are_one_table_of_medians(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path, 0, {"eager-fp32": 0.012, "eager-fp16": 0.010})
    saved(tmp_path, 1, {"eager-fp32": 0.014, "compile-fp32": 0.008}, uuid="GPU-bbbb")
    saved(tmp_path, 2, {"eager-fp32": 0.013})
    assert main([str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert out.startswith("3 runs on 2 NVIDIA H200s, with driver 580.95, ")
    said = "TensorRT-RTX 1.4.0.76. Each benchmark was measured in 1 to 3 of them, and the median counts.\n"
    assert said in out
    (rows,) = tables(out).values()
    assert {row["variant"].strip("`"): row["latency ms"] for row in rows} == {
        "compile-fp32": "8.000",
        "eager-fp16": "10.000",
        "eager-fp32": "13.000",
    }


def test_what_was_slowed_down_on_purpose_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path, 0, {"eager-fp32": 0.012})
    slowed = {ID.format("eager-fp32", 128): [{"kind": "kernel", "asked": "10%", "size_s": 1e-3}]}
    saved(tmp_path, 1, {"eager-fp32": 0.020}, injected=slowed)
    assert main([str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    ((row,),) = tables(out).values()
    assert row["latency ms"] == "12.000" and "1_run.json: was slowed down on purpose." in err


def test_the_best_stand_beside_the_reference_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(stored_run()), "--best", "1", "--model", "tf_efficientnet_lite0"]) == 0
    ((title, rows),) = tables(capsys.readouterr().out).items()
    assert title == "tf_efficientnet_lite0"
    assert [(row["batch"], row["variant"].strip("`")) for row in rows] == [
        ("1", "tensorrt-fp32"),
        ("1", "eager-fp32"),
        ("128", "tensorrt-fp16"),
        ("128", "eager-fp32"),
    ]
    assert [row["speed-up"] for row in rows[1::2]] == ["1.00", "1.00"]
    saved(tmp_path, 0, {"eager-fp32": 0.012, NATIVE: 0.005, "tensorrt-fp16": 0.006}, failed={ID.format("x", 128): "no"})
    assert main([str(tmp_path), "--best", "5"]) == 0
    out = capsys.readouterr().out
    ((_, rows),) = tables(out).items()
    assert [row["variant"].strip("`") for row in rows] == [NATIVE, "tensorrt-fp16", "eager-fp32"]
    assert "\n- " not in out and "median" not in out


def test_a_column_in_which_some_of_the_best_have_no_value_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path, 0, {"eager-fp32": 0.012, "eager-fp16": 0.010})
    (path,) = tmp_path.iterdir()
    document = json.loads(path.read_text())
    del document["benchmarks"][0]["extra_info"]["kernel_time_s"]
    path.write_text(json.dumps(document))
    for options, shown in (((), True), (("--best", "2"), False)):
        assert main([str(tmp_path), *options]) == 0
        (rows,) = tables(capsys.readouterr().out).values()
        assert len(rows) == 2 and ("kernel time ms" in rows[0]) is shown and "latency ms" in rows[0]


def test_the_yardstick_is_of_the_runs_that_measured_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the host is slower in another run, only a pair of one run tells how far a variant is."""
    saved(tmp_path, 0, {"tensorrt-fp16": 0.0055})
    saved(tmp_path, 1, {NATIVE: 0.010})
    line = "- yardstick: `tensorrt-fp16` {} kernel time, {} latency over `onnx-tensorrt-fp16`{}\n"
    assert main([str(tmp_path)]) == 0
    assert line.format("-45 %", "-45 %", ", in different runs") in capsys.readouterr().out
    for night, latency_s in ((2, 0.0052), (3, 0.0054), (4, 0.0112)):
        saved(tmp_path, night, {"tensorrt-fp16": latency_s, NATIVE: 0.005})
    assert main([str(tmp_path)]) == 0
    assert line.format("+8 %", "+8 %", "") in capsys.readouterr().out


def test_what_failed_or_was_never_measured_stands_below(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = "fixtures.models.numerics.WrongOutputs: {} has logits that are not finite. Look at its engine."
    saved(
        tmp_path,
        0,
        {"eager-fp32": 0.012},
        skipped={ID.format("tensorrt-int8", size): "needs INT8" for size in (32, 128)}
        | {ID.format("eager-fp16", 128): "needs a GPU", ID.format(NATIVE, 128) + "-load": "has one context"},
        failed={ID.format("tensorrt-fp8", size): wrong.format(ID.format("tensorrt-fp8", size)) for size in (128, 1)},
    )
    saved(tmp_path, 1, {"eager-fp16": 0.010})
    assert main([str(tmp_path)]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("- ")] == [
        "- `tensorrt-fp8` failed at batch 1 and 128: tensorrt-fp8 has logits that are not finite.",
        "- `tensorrt-int8` skipped at batch 32 and 128: needs INT8.",
    ]


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("RuntimeError: Unable to create an execution context\nTraceback", "an execution context."),
        ("RuntimeError: Unable to create an execution context\\nas stored", "an execution context."),
        ("torch.OutOfMemoryError: 3.5 GiB are missing. Free some.", "torch.OutOfMemoryError: 3.5 GiB are missing."),
        ("", "no reason is stored."),
        ("a" * 900, "a."),
    ],
)
def test_a_reason_is_a_sentence(reason: str, sentence: str) -> None:
    assert shortened(reason).endswith(sentence) and len(shortened(reason)) < 210


def test_what_is_left_out_is_neither_a_row_nor_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = {ID.format(NATIVE, 128): "its outputs are wrong."}
    saved(tmp_path, 1.0, {"eager-fp32": 0.01, "eager-fp32-heuristic": 0.009, "tensorrt-fp16": 0.005}, failed=failed)
    assert main([str(tmp_path)]) == 0
    whole = capsys.readouterr().out
    assert "`eager-fp32-heuristic`" in whole and f"`{NATIVE}` failed" in whole
    assert main([str(tmp_path), "--without", "*-eager-fp32-heuristic-*", "--without", f"*-{NATIVE}-*"]) == 0
    said = capsys.readouterr().out
    rows = tables(said)["efficientnet_b0, batch 128"]
    assert [row["variant"] for row in rows] == ["`tensorrt-fp16`", "`eager-fp32`"]
    assert NATIVE not in said


def test_the_plot_names_the_fastest_and_the_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path, 0, {f"compile-{number}": 0.005 + 0.001 * number for number in range(14)} | {"eager-fp32": 0.015})
    picture = tmp_path / "images" / "fastest.svg"
    assert main([str(tmp_path), "--plot", str(picture)]) == 0
    drawn = picture.read_text()
    legend = re.findall(r"<!-- (.*?) -->", drawn)
    assert {"compile-0", "compile-1", "eager-fp32", "torch.compile", "eager PyTorch"} <= set(legend)
    assert "compile-2" not in legend and "fill: #ffffff" in drawn
    before = picture.read_bytes()
    assert main([str(tmp_path), "--plot", str(picture)]) == 0 and picture.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "no stored run here has a latency"),
        (("--model", "resnet50"), "has the model resnet50; they have efficientnet_b0, tf_efficientnet_lite0"),
        (("--plot", "a.svg"), "choose one of efficientnet_b0, tf_efficientnet_lite0 with --model"),
    ],
    ids=["nothing", "another model", "two models"],
)
def test_what_cannot_be_is_a_sentence(
    options: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(stored_run() if options else tmp_path), *options]) == 2
    assert told in capsys.readouterr().err and not list(tmp_path.iterdir())
