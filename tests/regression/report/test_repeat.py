"""The command that repeats what failed: short, exact where it can be, and understood by pytest and the shell."""

import shlex

import pytest

from common.given import checked
from regression.report.groups import Place
from regression.report.repeat import command, refresh

IDS = {
    f"{model}-{variant}-b{batch}": Place(model, variant, batch)
    for model in ("m", "n")
    for variant in ("eager-fp32", "tensorrt-fp16")
    for batch in (1, 128)
}
LONG = {
    f"{'long_' * 6}{name}": Place(f"long_{place.model}", place.variant, place.batch_size) for name, place in IDS.items()
}

QUESTIONS = [
    *(f"tf_efficientnet_lite0-tensorrt-{precision}-b1-growth" for precision in ("fp32", "fp16")),
    "tf_efficientnet_lite0-torchscript-fp32-batches-128",
]
STARTS = [f"tf_efficientnet_lite0-tensorrt-{precision}-cold-start" for precision in ("fp32", "fp16")]


@pytest.mark.parametrize(
    ("benchmarks", "said"),
    [
        ([], ""),
        (["m-eager-fp32-b1"], "pytest benchmarks/ -k '[m-eager-fp32-b1]' --benchmark-compare"),
        (
            ["m-eager-fp32-b1", "n-eager-fp32-b128"],
            "pytest benchmarks/ -k '[m-eager-fp32-b1] or [n-eager-fp32-b128]' --benchmark-compare",
        ),
        (
            list(IDS)[:4],
            "pytest benchmarks/ --models=m --variants=eager-fp32,tensorrt-fp16 --batch-sizes=1,128 --benchmark-compare",
        ),
        (["all benchmarks"], "pytest benchmarks/ --benchmark-compare"),
        (["all benchmarks", "m-eager-fp32-b1"], "pytest benchmarks/ --benchmark-compare"),
    ],
)
def test_it_names_what_failed(benchmarks, said):
    assert command(benchmarks, IDS, IDS) == said


def test_long_names_are_said_by_what_they_are_made_of():
    said = command(list(LONG)[:2], LONG, LONG)
    assert said == "pytest benchmarks/ --models=long_m --variants=eager-fp32 --batch-sizes=1,128 --benchmark-compare"


def test_what_is_too_much_for_a_line_is_the_whole():
    many = {f"model{number}-v-b1": Place(f"model{number}", "v", 1) for number in range(40)}
    assert command(list(many), many, many) == "pytest benchmarks/ --benchmark-compare"


@pytest.mark.parametrize(
    ("benchmarks", "tests"),
    [
        (QUESTIONS[:1], "benchmarks/ -k {} --models=m"),
        (QUESTIONS[:2], "benchmarks/test_memory_growth.py --models=m"),
        (QUESTIONS, "benchmarks/test_memory_growth.py benchmarks/test_batches.py --models=m"),
        ([*QUESTIONS[:2], *list(LONG)[:1]], "benchmarks/ benchmarks/test_memory_growth.py --models=m"),
        (["all benchmarks", *QUESTIONS[:2]], "benchmarks/ benchmarks/test_memory_growth.py --models=m"),
        (STARTS[:1], "benchmarks/ -k {} --models=m"),
        (STARTS, "benchmarks/test_cold_start.py --models=m"),
        ([*STARTS, *QUESTIONS[:2]], "benchmarks/test_cold_start.py benchmarks/test_memory_growth.py --models=m"),
        ([*STARTS, *list(LONG)[:1]], "benchmarks/ benchmarks/test_cold_start.py --models=m"),
    ],
)
def test_questions_are_asked_again(benchmarks, tests):
    """By their ids, or where these do not fit on a line by their modules, some of which a folder does not collect."""
    questions = [*QUESTIONS, *STARTS]
    said = command(benchmarks, {*LONG, *questions}, LONG, given=["--models=m"], questions=questions)
    assert said == f"pytest {tests.format(benchmarks[0])} --benchmark-compare"


def test_another_suite_has_no_matrix():
    assert command(["test_x"], {"test_x"}, {}, tests="") == "pytest -k test_x --benchmark-compare"
    many = [f"test_{'x' * 20}_{number}" for number in range(3)]
    assert command(many, many, {}, tests="") == "pytest --benchmark-compare"
    assert " or test_" in command(many[:2], many, {}, tests="")


@pytest.mark.parametrize("name", ["a b", "a(b)", "not", "$(boo)", "caf\u00e9", "a\nb", "a'b"])
def test_what_k_cannot_say_repeats_the_whole(name):
    assert command([name], {name}, {}) == "pytest benchmarks/ --benchmark-compare"


def test_pytest_selects_just_that(pytester):
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.parametrize("name", {list(IDS)!r}, ids=str)
        def test_latency(name): ...
        """
    )
    words = shlex.split(command(["m-eager-fp32-b1", "n-eager-fp32-b128"], IDS, IDS))
    result = pytester.runpytest("--collect-only", "-q", *words[2:4])
    found = [line.partition("[")[2] for line in result.outlines if "::" in line]
    assert found == ["m-eager-fp32-b1]", "n-eager-fp32-b128]"]


def test_the_baseline_that_was_asked_for_is_asked_for_again():
    assert command(["m-eager-fp32-b1"], IDS, IDS, "--benchmark-compare=0007").endswith(" --benchmark-compare=0007")


@pytest.mark.parametrize(
    ("benchmarks", "given", "said"),
    [
        (
            ["m-eager-fp32-b1"],
            ["--models=./m", "--weights=my flowers.pth"],
            "-k '[m-eager-fp32-b1]' --models=./m '--weights=my flowers.pth'",
        ),
        (
            list(IDS)[:4],
            ["--models=m,n", "--batch-sizes=1,64,128", "--precision-policy=ieee"],
            "--models=m --variants=eager-fp32,tensorrt-fp16 --batch-sizes=1,128 --precision-policy=ieee",
        ),
        # an id of a folder, or of an input size, is no name of a model
        (list(IDS)[:4], ["--models=./m"], "--variants=eager-fp32,tensorrt-fp16 --batch-sizes=1,128 --models=./m"),
        (
            list(IDS)[:4],
            ["--models=m", "--input-size=380"],
            "--variants=eager-fp32,tensorrt-fp16 --batch-sizes=1,128 --models=m --input-size=380",
        ),
        (["all benchmarks"], ["--weights=seeded"], "--weights=seeded"),
    ],
)
def test_what_was_measured_otherwise_is_measured_so_again(benchmarks, given, said):
    assert command(benchmarks, IDS, IDS, given=given) == f"pytest benchmarks/ {said} --benchmark-compare"


def test_what_became_faster_is_measured_for_the_baseline_as_it_was_measured():
    said = refresh(["m-eager-fp32-b1"], IDS, IDS, ["--models=./m"])
    assert said == "python -m regression baseline refresh m-eager-fp32-b1 -- --models=./m"


def test_what_became_faster_is_refreshed_in_the_store_that_was_named():
    said = refresh(["m-eager-fp32-b1"], IDS, IDS, ["--models=./m"], store="my runs")
    assert said == "python -m regression baseline refresh m-eager-fp32-b1 '--store=my runs' -- --models=./m"


def test_of_a_stored_run_the_suites_options_alone_are_said():
    stored = ["--weights=x", "--no-cudnn-benchmark", "-p evil", "--rootdir=/", "--images=\x1b[31m", "--images=a\nb", 7]
    assert checked(stored) == ("--weights=x", "--no-cudnn-benchmark")
    assert checked({"--weights": "x"}) == checked(None) == ()


@pytest.mark.parametrize(
    ("faster", "said"),
    [
        ([], ""),
        (["m-eager-fp32-b1"], "python -m regression baseline refresh m-eager-fp32-b1"),
        (list(IDS)[:3], "python -m regression baseline refresh 'm-eager-fp32-b*' m-tensorrt-fp16-b1"),
        (["all benchmarks", "m-eager-fp32-b1"], "python -m regression baseline refresh '*'"),
        (["name with spaces"], "python -m regression baseline refresh 'name with spaces'"),
    ],
)
def test_what_became_faster_can_become_the_baseline(faster, said):
    assert refresh(faster, [*IDS, "name with spaces"], IDS) == said


def test_questions_that_became_faster_are_asked_on_request():
    said = refresh(QUESTIONS[:1], [*IDS, *QUESTIONS], IDS, ["--models=m"], QUESTIONS)
    assert said == (
        f"python -m regression baseline refresh {QUESTIONS[0]} -- benchmarks/test_memory_growth.py --models=m"
    )
