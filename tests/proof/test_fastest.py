"""What is fastest: rows of a real stored run, with the energy of a session under load beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proof.fastest import HEADINGS, main

ROOT = Path(__file__).resolve().parents[2]


def stored_run() -> Path:
    return next(iter(sorted((ROOT / "baselines" / "nvidia-h200").rglob("*baseline.json"))))


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
    tables = capsys.readouterr().out.strip().split("\n\n")
    titles, bodies = tables[::2], [table.splitlines() for table in tables[1::2]]
    assert len(titles) == len(bodies) == 4
    for title, (heads, _, *rows) in zip(titles, bodies, strict=True):
        model, size = title.rstrip(":").split(", batch ")
        assert [cell.strip() for cell in heads.strip("|").split("|")] == list(HEADINGS)
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
        expected = sorted(
            (id_ for id_ in medians_s if id_.startswith(model) and id_.endswith(f"-b{size}")), key=medians_s.__getitem__
        )
        assert [f"{model}-{name.strip('`')}-b{size}" for name, *_ in cells] == expected
        for id_, (_, latency_ms, images, speed_up, *_, energy, _) in zip(expected, cells, strict=True):
            assert float(latency_ms) == pytest.approx(medians_s[id_] * 1e3, abs=6e-4)
            assert float(images.replace(",", "")) == pytest.approx(int(size) / medians_s[id_], abs=1)
            assert float(speed_up) == pytest.approx(medians_s[f"{model}-eager-fp32-b{size}"] / medians_s[id_], abs=6e-3)
            assert energy == ("0.0123" if id_ == loaded else "-")


def test_a_folder_without_latencies_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "no stored run here has a latency" in capsys.readouterr().err
