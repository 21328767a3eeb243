"""On a GPU: a session that really loses it names the variant, goes on with first requests and ends well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from common.stored import lost_by
from tests.inner_session import ROOT

MODEL = "efficientnet_b0"
NAME = "losing-fp32"  # of tests.gpu.losing_variant, which this process does not load
LOSING, INNOCENT = (f"{MODEL}-{variant}-b1" for variant in (NAME, "eager-fp16"))

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


@pytest.mark.parametrize(
    "tests", ["labels or latency", "latency"], ids=["while labels are checked", "while it is timed"]
)
def test_a_session_that_loses_its_gpu(tests: str, tmp_path: Path) -> None:
    run = tmp_path / "run.json"
    command = [
        *(sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", "-p", "tests.gpu.losing_variant"),
        *(f"--models={MODEL}", "--weights=seeded", f"--variants=eager-fp32,{NAME},eager-fp16", "--batch-sizes=1"),
        *("-k", f"{tests} or eager and cold-start", f"--benchmark-json={run}", f"--benchmark-storage={tmp_path}"),
        "--benchmark-compare",
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    for word in ("Traceback", "TORCH_USE_CUDA_DSA", "INTERNALERROR"):
        assert word not in said
    suite = json.loads(run.read_text())["suite"]
    assert suite["failed"][LOSING].startswith(
        f"{LOSING} lost the GPU when it was called: CUDA error: device-side assert"
    )
    assert lost_by(suite["failed"][INNOCENT]) == LOSING
    assert {one["param"] for one in suite["questions"]} == {
        f"{MODEL}-{variant}-cold-start" for variant in ("eager-fp32", "eager-fp16")
    }
