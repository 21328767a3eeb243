"""The suite's sessions: what they run, in which order, what they store and what they compare with."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time

import pytest
from inner_session import ROOT, suite_arguments

pytest_plugins = ["pytester"]
PYTHON_FOLDER = f"Linux-CPython-{'.'.join(platform.python_version_tuple()[:2])}-64bit"
ID = "test_efficientnet-eager-fp32-b1"


def saved(run_suite, pytester, name="baseline", *arguments):
    run_suite(f"--benchmark-save={name}", "--variants=eager-fp32", *arguments).assert_outcomes(passed=10, skipped=2)
    return sorted(pytester.path.glob(f"store/*/*_{name}.json"))[-1]


def test_a_run_stores_what_a_judge_needs(run_suite, stored_runs, pytester):
    result = run_suite(
        "--benchmark-save=baseline", "--batch-sizes=1,3", "--label-sheet=sheet.png", "-k", "not b3 or latency"
    )
    assert result.ret == 0
    (run,) = stored_runs().values()
    suite = run["suite"]
    variants = ("eager-fp32", "torchscript-fp32")
    timed = [f"test_efficientnet-{variant}-b{batch}" for batch in (3, 1) for variant in variants]
    assert [benchmark["param"] for benchmark in run["benchmarks"]] == timed
    assert suite["schema"] == 1
    assert set(timed) < set(suite["selected"]) and len(suite["selected"]) == 16
    assert suite["skipped"]["test_efficientnet-tensorrt-fp16-b1"] == "needs a CUDA GPU"
    assert not suite["failed"] and set(suite["labels"]) == set(timed[2:])
    assert all(label["passed"] and len(label["images"]) == 8 for label in suite["labels"].values())
    for benchmark in run["benchmarks"]:
        info = benchmark["extra_info"]
        quantiles = info["latency_quantiles_s"]
        assert len(quantiles) == 101 and quantiles == sorted(quantiles)
        assert quantiles[0] == pytest.approx(benchmark["stats"]["min"], rel=1e-5)
        batch_size = benchmark["params"]["batch_size"]
        assert info["throughput_images_per_s"] == pytest.approx(batch_size / benchmark["stats"]["median"], rel=1e-5)
        assert info["kernel_time_s"] is None and info["kernel_time_missing"] == "needs a CUDA GPU"
    eager, torchscript = run["benchmarks"][:2]
    assert torchscript["extra_info"]["speedup_over_eager_fp32"] == pytest.approx(
        eager["stats"]["median"] / torchscript["stats"]["median"], rel=1e-5
    )
    machine = run["machine_info"]
    assert machine["gpu"] is None and machine["slug"].startswith("cpu-") and "node" not in machine
    assert not any("hz" in key for key in machine["cpu"])
    assert (pytester.path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_every_latency_comes_before_the_first_profile(run_suite):
    result = run_suite("--collect-only", "-q")
    tests = [line.partition("[")[0] for line in result.outlines if "::" in line]
    first_profile = tests.index("benchmarks/test_inference_speed.py::test_kernel_time")
    assert set(tests[first_profile:]) == {"benchmarks/test_inference_speed.py::test_kernel_time"}


def test_profiles_go_from_the_smallest_batch_to_the_largest_and_latencies_back(pytester):
    """As on a GPU, where there are both."""
    pytester.makepyfile(
        """
        import pytest

        keys = [("m", "v", 1), ("m", "v", 128), ("n", "v", 1)]
        pytestmark = pytest.mark.parametrize("model, variant, batch_size", keys)

        @pytest.mark.profiles
        def test_profile(model, variant, batch_size): ...

        def test_label(model, variant, batch_size): ...

        def test_latency(benchmark, model, variant, batch_size): ...
        """
    )
    result = pytester.runpytest("--collect-only", "-q", "-p", "fixtures.collection")
    assert [line.partition("::test_")[2] for line in result.outlines if "::" in line] == [
        "latency[m-v-128]", "latency[m-v-1]", "latency[n-v-1]",
        "label[m-v-1]", "label[m-v-128]", "label[n-v-1]",
        "profile[m-v-1]", "profile[n-v-1]", "profile[m-v-128]",
    ]  # fmt: skip


def test_tables_do_not_mix_batch_sizes(run_suite):
    result = run_suite("--batch-sizes=1,2", "-k", "latency")
    result.stdout.fnmatch_lines_random(
        ["*model=test_efficientnet batch_size=1*", "*model=test_efficientnet batch_size=2*"]
    )
    table = result.outlines[next(i for i, line in enumerate(result.outlines) if " inference " in line) :]
    assert max(map(len, table)) <= 100
    assert any(line.startswith("  torchscript-fp32") and line.rstrip().endswith("-") for line in table)


def test_pytest_benchmarks_own_options_win(run_suite, stored_runs):
    result = run_suite(
        "--benchmark-save=mine", "--benchmark-min-rounds=7", "--benchmark-max-time=0.000001", "--variants=eager-fp32",
        "--benchmark-group-by=func", "-k", "latency",
    )  # fmt: skip
    assert result.ret == 0
    (run,) = stored_runs().values()
    assert run["benchmarks"][0]["stats"]["rounds"] == 7
    assert run["benchmarks"][0]["options"]["disable_gc"] is True
    assert any("benchmark 'test_latency'" in line for line in result.outlines)


def test_wrong_outputs_are_no_result(run_suite, stored_runs, monkeypatch):
    """A variant that is fast and wrong fails with what is wrong, and leaves no time behind."""
    import torch

    from fixtures import variants

    def broken(module, batch):
        return variants.Built(lambda batch: torch.full((len(batch), 1000), float("nan")))

    entry = variants.Variant("torchscript-fp32", "fp32", broken)
    monkeypatch.setitem(variants.VARIANTS, "torchscript-fp32", entry)
    result = run_suite("--benchmark-save=run", "-k", "latency")
    assert result.ret == 1
    (run,) = stored_runs().values()
    assert [benchmark["param"] for benchmark in run["benchmarks"]] == [ID]
    message = run["suite"]["failed"]["test_efficientnet-torchscript-fp32-b1"]
    assert "1000 of 1000 logits are not finite" in message
    assert not any("Traceback" in line or "During handling" in line for line in result.outlines)


def test_a_baseline_of_another_python_is_found_and_other_names_are_history(run_suite, pytester):
    baseline = saved(run_suite, pytester)
    other = baseline.parent.parent / "Linux-CPython-3.99-64bit"
    other.mkdir()
    baseline.rename(other / "0001_baseline.json")
    history = json.loads((other / "0001_baseline.json").read_text())
    (baseline.parent / "0002_nightly.json").write_text(json.dumps(history))
    (baseline.parent / "0003_baseline-old.json").write_text(json.dumps(history))
    result = run_suite("--benchmark-compare", "--variants=eager-fp32", "-k", "latency")
    assert result.ret == 0
    assert any(line.startswith("baseline: 1 run in ") for line in result.outlines)
    rows = [line for line in result.outlines if line.startswith(f"latency[{ID}]")]
    assert len(rows) == 2 and any("(0001)" in row for row in rows) and any("(NOW)" in row for row in rows)


def test_no_baseline_says_which_there_are_and_how_to_record_one(run_suite, monkeypatch, tmp_path):
    from fixtures import storage

    monkeypatch.setattr(storage, "BASELINES", tmp_path)
    (tmp_path / "nvidia-h200" / PYTHON_FOLDER).mkdir(parents=True)
    (tmp_path / "nvidia-h200" / PYTHON_FOLDER / "0001_baseline.json").write_text("{}")
    result = run_suite("--benchmark-compare", "--variants=eager-fp32", "-k", "latency")
    assert result.ret == 0
    (line,) = [line for line in result.outlines if line.startswith("baseline: none for ")]
    assert "there are baselines of nvidia-h200" in line and "--benchmark-save=baseline" in line


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda run: json.dumps(run)[:200], "0001_baseline.json: it is not JSON"),
        (lambda run: "[1, 2]", "0001_baseline.json: it is no run of pytest-benchmark"),
        (lambda run: json.dumps({key: run[key] for key in run if key != "machine_info"}), "it has no machine_info"),
        (lambda run: json.dumps(run | {"machine_info": {"slug": "nvidia-h200"}}), "recorded on nvidia-h200"),
        (lambda run: json.dumps(run | {"benchmarks": [without(run, "stats", "min")]}), "left out 1 benchmark"),
        (lambda run: json.dumps(run | {"benchmarks": [without(run, "fullname")]}), "left out 1 benchmark"),
    ],
    ids=["truncated", "a list", "no machine_info", "another GPU", "no min", "no name"],
)
def test_an_unusable_stored_run_is_left_out_and_named(run_suite, pytester, recwarn, damage, said):
    folder = pytester.path / "store" / PYTHON_FOLDER
    folder.mkdir(parents=True)
    (folder / "0001_baseline.json").write_text(damage(example_run()))
    result = run_suite("--benchmark-compare", "--variants=eager-fp32", "-k", "latency")
    assert result.ret == 0
    output = "\n".join([*result.outlines, *result.errlines])
    assert said in output
    assert "INTERNALERROR" not in output and "(0001)" not in output


def example_run():
    names = ("min", "max", "mean", "stddev", "median", "iqr", "q1", "q3", "ld15iqr", "hd15iqr", "ops", "rounds")
    stats = dict.fromkeys(names, 1.0) | {"rounds": 5, "iterations": 1, "outliers": "0;0", "total": 5.0}
    fullname = f"benchmarks/test_inference_speed.py::test_latency[{ID}]"
    params = {"model": "test_efficientnet", "variant": "eager-fp32", "batch_size": 1}
    benchmark = {"fullname": fullname, "name": f"test_latency[{ID}]", "param": ID, "params": params, "stats": stats}
    return {"machine_info": {"cpu": {}}, "benchmarks": [benchmark], "commit_info": {}, "version": "5.2.3"}


def without(run, *path):
    benchmark = json.loads(json.dumps(run["benchmarks"][0]))
    holder = benchmark
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return benchmark


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--models=efficientnet_bo"], "has no model 'efficientnet_bo'; did you mean efficientnet_b0, efficientnet_b1"),
        (["--variants=onnx"], "there is no variant 'onnx'; there are eager-fp32, eager-fp16"),
        (["--device=tpu"], "there is no device 'tpu'; there are auto, cpu"),
        (["--batch-sizes=0"], "'0' is not a positive whole number"),
        (["--batch-sizes=1,x"], "'x' is not a positive whole number"),
        (["--images=nowhere"], "nowhere is not a folder"),
        (["--weights=missing.pth"], "'missing.pth' is neither auto, pretrained, seeded nor a file"),
        (["--build-timeout=never"], "'never' is not a positive number of seconds"),
        (["--label-sheet=/proc/sheet.png"], "--label-sheet: /proc/sheet.png cannot be written"),
        (["--label-sheet=file/sheet.png"], "file is not a folder"),
        (["--benchmark-histogram=file/histogram"], "file is not a folder"),
        (["--benchmark-save=run", "--benchmark-storage=file://file/store"], "file is not a folder"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(run_suite, pytester, arguments, said):
    pytester.path.joinpath("file").write_text("in the way")
    result = run_suite(*arguments)
    output = "\n".join([*result.outlines, *result.errlines])
    assert result.ret == pytest.ExitCode.USAGE_ERROR, output
    assert said in output
    assert "Traceback" not in output and "passed" not in output


def test_cuda_without_a_gpu_is_refused(run_suite, monkeypatch):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    result = run_suite("--device=cuda:1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert any("--device: cuda:1 is not here" in line for line in result.errlines)


def test_an_unwritable_folder_is_refused(run_suite, pytester):
    locked = pytester.mkdir("locked")
    locked.chmod(0o500)
    try:
        if os.access(locked, os.W_OK):
            pytest.skip("this user may write anywhere")
        result = run_suite("--label-sheet=locked/sheet.png")
    finally:
        locked.chmod(0o700)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert any("cannot be written into" in line for line in result.errlines)


def test_weights_with_the_wrong_digest_are_refused(run_suite, pytester):
    import timm
    import torch

    path = pytester.path / "weights.pth"
    torch.save(timm.create_model("test_efficientnet").state_dict(), path)
    result = run_suite(f"--weights={path}#sha256={'0' * 64}", "-k", "latency")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    output = "\n".join([*result.outlines, *result.errlines])
    assert "has SHA-256" in output and "expected 000000" in output
    assert run_suite(f"--weights={path}", "-k", "latency").ret == 0


def test_own_images_are_labelled_and_a_damaged_one_fails_alone(run_suite, pytester):
    folder = pytester.mkdir("photos")
    (folder / "koala.jpg").write_bytes((ROOT / "data/images/koala.jpg").read_bytes())
    (folder / "cut.jpg").write_bytes((ROOT / "data/images/macaw.jpg").read_bytes()[:9000])
    (folder / "labels.csv").write_text("file,index\nkoala.jpg,105\n")
    result = run_suite(
        f"--images={folder}", "--weights=auto", "--models=tf_efficientnet_lite0", "--variants=eager-fp32",
        "-k", "readable or labels",
    )  # fmt: skip
    result.assert_outcomes(passed=2, failed=1, deselected=3)
    output = "\n".join(result.outlines)
    assert "cut.jpg: image file is truncated" in output
    assert "accuracy of tf_efficientnet_lite0-eager-fp32-b1: 100.0% (1 of 1 images)" in output


def test_a_hanging_build_fails_alone(run_suite, stored_runs, monkeypatch):
    from fixtures import variants

    def hang(module, batch):
        while True:
            time.sleep(0.01)

    monkeypatch.setitem(variants.VARIANTS, "eager-fp32", variants.Variant("eager-fp32", "fp32", hang))
    result = run_suite(
        "--build-timeout=0.5", "--benchmark-save=run", "--variants=eager-fp32,torchscript-fp32", "-k", "latency"
    )
    assert result.ret == 1
    assert any("took longer than --build-timeout=0.5 s and was ended" in line for line in result.outlines)
    (run,) = stored_runs().values()
    assert [benchmark["param"] for benchmark in run["benchmarks"]] == ["test_efficientnet-torchscript-fp32-b1"]


def test_ctrl_c_keeps_what_ran_whole(tmp_path):
    """The first benchmark is reported and stored, the interrupted one is not, and no file is half-written."""
    arguments = suite_arguments(
        "--device=cpu", "--models=test_efficientnet", "--weights=seeded", "--batch-sizes=1", "-k", "latency", "-v",
        "--variants=eager-fp32,torchscript-fp32", f"--benchmark-storage=file://{tmp_path}/store",
        "--benchmark-save=run", "--benchmark-max-time=4",
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pytest", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        # a background job of a shell inherits that Ctrl-C is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    output = ""
    while "PASSED" not in output:
        output += process.stdout.read(1) or pytest.fail(f"ended early: {output}")
    time.sleep(2.5)  # into the rounds of the second
    process.send_signal(signal.SIGINT)
    output += process.communicate(timeout=60)[0]
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    (path,) = tmp_path.rglob("*.json")
    run = json.loads(path.read_text())
    assert [benchmark["param"] for benchmark in run["benchmarks"]] == [ID]
    assert run["benchmarks"][0]["stats"]["rounds"] > 5
    assert not list(tmp_path.rglob("*.partial"))
