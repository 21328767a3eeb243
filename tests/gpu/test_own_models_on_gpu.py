"""On a GPU: models with other classes and sizes are built by every compiler, and are right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent.parent
V2_21K = "tf_efficientnetv2_s.in21k"
SIZES = (224, 300)
VARIANTS = "eager-fp32,torchscript-fp16,tensorrt-fp32,tensorrt-fp16"

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


def test_ten_classes_and_21k_at_two_sizes(tmp_path):
    flowers = tmp_path / "flowers"
    flowers.mkdir()
    config = {"architecture": "efficientnet_b0", "num_classes": 10}
    (flowers / "config.json").write_text(json.dumps(config))
    sizes = ",".join(map(str, SIZES))
    command = [
        *(sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", f"--models={flowers},{V2_21K}"),
        *("--weights=seeded", f"--input-size={sizes}", f"--variants={VARIANTS}", "--batch-sizes=8"),
        *("-k", "labels or engine or latency and not visits", f"--benchmark-json={tmp_path / 'run.json'}"),
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert result.returncode == 0, result.stdout[-5000:]
    print(*(line for line in result.stdout.splitlines() if "classes" in line or " passed" in line), sep="\n")
    stored = json.loads((tmp_path / "run.json").read_text())["benchmarks"]
    measured = {benchmark["param"] for benchmark in stored}
    assert len(measured) == 4 * len(VARIANTS.split(",")), measured
