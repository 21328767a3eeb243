"""Entries of `suite.questions`: read as benchmarks without a latency, judged, confirmed, missed only where asked."""

import copy
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from common.schema import LOST_BY
from regression import rerun
from regression.history import night
from regression.judge.judge import judge
from regression.judge.limits import CONFIRMATIONS
from regression.judge.verdict import Reason, Report, Verdict
from regression.metrics import METRICS
from regression.report.content import content
from regression.runs.find import Stored
from regression.runs.read import parse, read
from regression.runs.run import Run
from regression.session import Additions, Rules, judge_session
from tests.regression.recorder import IDS, Recorder

VARIANTS = ("eager-fp32", "torchscript-fp32", "tensorrt-fp16")
QUESTIONS = tuple(f"efficientnet_b0-{variant}-cold-start" for variant in VARIANTS)
FIRST, *OTHERS = QUESTIONS
KEYS = {"first_call", "first_answer", "host_memory", "gpu_memory", "calls_until_steady"}


def questions(factors: Mapping[str, float] | None = None, ids: tuple[str, ...] = QUESTIONS) -> list[dict[str, Any]]:
    """What a session stores of cold starts; `factors` makes the first call longer by id."""
    return [
        {
            "param": id_,
            "params": {"model": "efficientnet_b0", "variant": id_.split("-", 1)[1].removesuffix("-cold-start")},
            "extra_info": {
                "first_call_s": 0.5 * (factors or {}).get(id_, 1.0),
                "first_answer_s": 3.0,
                "host_peak_bytes": 2 * 10**9,
                "gpu_memory_bytes": 6 * 10**8,
                "calls_until_steady": 3,
            },
        }
        for id_ in ids
    ]


def asked(
    recorder: Recorder, factors: Mapping[str, float] | None = None, ids: tuple[str, ...] = QUESTIONS, **suite: Any
) -> dict[str, Any]:
    """A stored run that was asked for the cold starts `ids`, beside its benchmarks."""
    suite = {"questions": questions(factors, ids), "selected": [*IDS, *ids], **suite}
    return recorder.document(**suite)


@pytest.fixture
def baselines(recorder: Recorder) -> list[Run]:
    return [read(recorder.store(asked(recorder))) for _ in range(5)]


@pytest.fixture
def now(recorder: Recorder) -> Callable[..., Run]:
    def run(*arguments: Any, **suite: Any) -> Run:
        document = asked(recorder, *arguments, **suite) | {"datetime": "2026-03-02T02:00:00+00:00"}
        return read(recorder.store(document, "now/0099_nightly.json"))

    return run


def of(report: Report, id_: str) -> dict[str, tuple[Verdict, Reason]]:
    return {item.metric: (item.verdict, item.reason) for item in report.judgements if item.benchmark == id_}


def moved(report: Report) -> set[tuple[str, str]]:
    calm = (Verdict.SAME, Verdict.NEW)
    return {(item.benchmark, item.metric) for item in report.judgements if item.verdict not in calm}


def test_a_question_is_a_benchmark_that_has_just_its_metrics(now: Callable[..., Run]) -> None:
    run = now()
    assert set(run.benchmarks) == {*IDS, *QUESTIONS} and run.measured == frozenset(IDS)
    found = run.benchmarks[FIRST]
    assert found.is_question and set(found.values) == KEYS and not found.absent
    assert found.params == {"model": "efficientnet_b0", "variant": "eager-fp32"}
    assert not any(KEYS & run.benchmarks[id_].values.keys() for id_ in IDS)
    assert not run.problems


def test_a_question_is_judged_as_a_benchmark_is(now: Callable[..., Run], baselines: list[Run]) -> None:
    measured = {id_: {"first_call_s": 1.5 if id_ == FIRST else 0.5} for id_ in QUESTIONS}
    again = {"controls": OTHERS, "benchmarks": measured}
    report = judge(now({FIRST: 3.0}, confirmations=[again, again]), baselines)
    assert of(report, FIRST)["first_call"] == (Verdict.SLOWER, Reason.CONFIRMED)
    assert of(report, FIRST)["first_answer"] == (Verdict.SAME, Reason.INSIDE_NOISE)
    assert moved(report) == {(FIRST, "first_call")} and report.failed


@pytest.mark.parametrize("host, verdict", [
    (1.0, (Verdict.SLOWER, Reason.CONFIRMED)), (1.7, (Verdict.UNSURE, Reason.DISTURBED)),
], ids=["calm", "slower"])  # fmt: skip
def test_a_first_call_on_a_slower_host_is_excused(recorder: Recorder, host: float, verdict: Any) -> None:
    """The first calls of an H200 took half as long again where its host calibration did."""

    def run(path: str, factor: float, calibration_s: float) -> Run:
        document = asked(recorder, {FIRST: factor})
        for question in document["suite"]["questions"]:
            question["extra_info"]["host_calibration_s"] = calibration_s
        if factor > 1:
            measured = {id_: {"first_call_s": 0.5 * factor if id_ == FIRST else 0.5} for id_ in QUESTIONS}
            measured = {id_: {**values, "host_calibration": calibration_s} for id_, values in measured.items()}
            document["suite"]["confirmations"] = [{"controls": OTHERS, "benchmarks": measured}] * 2
        return read(recorder.store(document, path))

    baselines = [run(f"{number:04}_baseline.json", 1.0, 0.002) for number in range(1, 6)]
    report = judge(run("now/0099_nightly.json", 2.5, 0.002 * host), baselines)
    assert of(report, FIRST)["first_call"] == verdict


def test_an_unchanged_question_changes_nothing(now: Callable[..., Run], baselines: list[Run]) -> None:
    report = judge(now(), baselines)
    assert not report.failed and not moved(report)
    assert {item.metric for item in report.judgements if item.benchmark == FIRST} == KEYS - {"calls_until_steady"}
    assert [shown.now for shown in report.shown if shown.benchmark == FIRST] == [3.0]


def test_a_question_that_was_asked_and_has_no_answer_is_missing(now: Callable[..., Run], baselines: list[Run]) -> None:
    run = now(None, tuple(OTHERS), selected=[*IDS, *QUESTIONS], failed={FIRST: "its process was killed"})
    report = judge(run, baselines)
    assert of(report, FIRST)["first_call"] == (Verdict.MISSING, Reason.FAILED) and report.failed


def test_a_question_that_was_not_asked_is_neither_missing_nor_a_gap(recorder: Recorder, baselines: list[Run]) -> None:
    run = recorder.run()
    report = judge(run, baselines)
    assert not moved(report) and not report.failed
    said = content(report, run, baselines)
    assert said.coverage.known == said.coverage.benchmarks == len(IDS) and not said.coverage.absent
    assert not [note for note in report.notes if "cold-start" in note]


def test_a_baseline_without_any_answer_is_noted_once(now: Callable[..., Run], new_recorder: Any) -> None:
    older = new_recorder("older").baselines()
    report = judge(now(), older)
    assert not of(report, FIRST)
    (note,) = [note for note in report.notes if "first call" in note]
    assert note.startswith("No run of the baseline has first call, first answer, ")


def test_a_question_that_is_new_among_others_is_new(recorder: Recorder, now: Callable[..., Run]) -> None:
    before = [read(recorder.store(asked(recorder, None, tuple(OTHERS)))) for _ in range(5)]
    assert of(judge(now(), before), FIRST)["first_call"] == (Verdict.NEW, Reason.NO_BASELINE)


def test_a_question_does_not_change_which_benchmarks_a_run_built(now: Callable[..., Run], recorder: Recorder) -> None:
    assert now().place == recorder.run().place


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        ("yes", "`suite.questions` is yes, not a list"),
        ([3], "`suite.questions[0]` has no `param`"),
        ([{"extra_info": {"first_call_s": 1.0}}], "`suite.questions[0]` has no `param`"),
        ([{"param": FIRST, "extra_info": {"first_call_s": "soon"}}], "`extra_info.first_call_s` is soon"),
        ([{"param": IDS[0], "extra_info": {}}], f"`benchmarks` and `suite.questions` hold {IDS[0]} 2 times"),
    ],
)
def test_a_broken_question_is_a_sentence(recorder: Recorder, stored: Any, problem: str) -> None:
    run = read(recorder.store(recorder.document(questions=stored)))
    assert problem in str(run.problems[0]) and len(run.problems) == 1


def test_a_question_without_benchmarks_is_a_run(recorder: Recorder) -> None:
    document = asked(recorder) | {"benchmarks": []}
    run = read(recorder.store(document))
    assert set(run.benchmarks) == set(QUESTIONS)
    assert (FIRST, "first_call") in night.of(run).values


class Session:
    """A session whose repetitions measure what the session did, and note what they were asked for."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document, self.repeated = document, list[set[str]]()

    def document(self) -> dict[str, Any]:
        return copy.deepcopy(self._document)

    def repeat(self, benchmarks: Collection[str], stage: str) -> dict[str, Any]:
        self.repeated.append(set(benchmarks))
        run = copy.deepcopy(self._document)
        run["suite"]["questions"] = [one for one in run["suite"]["questions"] if one["param"] in benchmarks]
        return run | {"benchmarks": [one for one in run["benchmarks"] if one["param"] in benchmarks]}

    def doing(self, what: str) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.mark.parametrize(
    ("slower", "first_call", "repeated"),
    [
        ({}, {FIRST: 3.0}, set(QUESTIONS)),
        ({IDS[0]: 1.1}, {}, set(IDS)),
        ({IDS[0]: 1.1}, {FIRST: 3.0}, {*IDS, *QUESTIONS}),
    ],
    ids=["a question", "a benchmark", "both"],
)
def test_only_questions_are_asked_again_for_a_question(
    recorder: Recorder,
    baselines: list[Run],
    slower: dict[str, float],
    first_call: dict[str, float],
    repeated: set[str],
) -> None:
    """The processes of first requests take minutes, and do nothing to a benchmark; nor does a benchmark to them."""
    suite: dict[str, Any] = {"questions": questions(first_call), "selected": [*IDS, *QUESTIONS]}
    session, rules = Session(recorder.document(slower, day=2, **suite)), Rules("fail", METRICS, (), (), 5)
    outcome = judge_session(session, rules, Stored(tuple(baselines), (), ()), Additions())
    assert session.repeated == [repeated] * CONFIRMATIONS
    assert outcome.failed and {id_ for id_, _ in moved(outcome.report)} == {*slower, *first_call}


def test_what_was_measured_before_the_gpu_was_lost_is_confirmed_without_what_lost_it(
    recorder: Recorder, baselines: list[Run]
) -> None:
    document = recorder.document({IDS[0]: 1.1}, day=2, selected=[*IDS, *QUESTIONS], questions=[])
    unmeasured = {*QUESTIONS, IDS[-2]}
    document["benchmarks"] = [one for one in document["benchmarks"] if one["param"] not in unmeasured]
    innocent = dict.fromkeys([IDS[0], IDS[1], *unmeasured], f"{LOST_BY}{IDS[-1]} (an illegal memory access)")
    document["suite"]["failed"] = {IDS[-1]: "it lost the GPU", IDS[2]: "wrong outputs"} | innocent
    session, rules = Session(document), Rules("fail", METRICS, (), (), 5)
    outcome = judge_session(session, rules, Stored(tuple(baselines), (), ()), Additions())
    assert session.repeated == [{*IDS} - {IDS[-1], IDS[-2], IDS[2]}] * CONFIRMATIONS
    assert (IDS[0], "SLOWER") in {(one.benchmark, str(one.verdict)) for one in outcome.report.judgements}


def test_a_disturbed_question_is_asked_again(recorder: Recorder, baselines: list[Run]) -> None:
    document, additions = asked(recorder), Additions()
    session = Session(document)
    disturbed = copy.deepcopy(document)
    disturbed["suite"]["questions"][0]["extra_info"]["gpu_state"] = [{"throttle_reasons": ["hw_slowdown"]}]
    disturbed["suite"]["questions"][0]["extra_info"]["first_call_s"] = 9.0

    def now() -> dict[str, Any]:
        found = copy.deepcopy(disturbed)
        additions.add_to(found)
        return found

    session.document = now  # type: ignore[method-assign]
    rules = Rules("fail", METRICS, (), (), 5)
    outcome = judge_session(session, rules, Stored(tuple(baselines), (), ()), additions)
    assert session.repeated == [set(QUESTIONS)] and not outcome.failed
    assert outcome.run.benchmarks[FIRST].values["first_call"] == 0.5


def test_a_confirmation_and_a_repetition_hold_questions(recorder: Recorder) -> None:
    document, slow = asked(recorder, confirmations=[]), asked(recorder, {FIRST: 3.0})
    entry = rerun.confirmation(slow, OTHERS, METRICS, {FIRST, IDS[0]})
    assert set(entry["benchmarks"]) == {FIRST, IDS[0]}
    assert entry["benchmarks"][FIRST]["first_call_s"] == 1.5
    rerun.add_confirmation(document, entry, slow["suite"])
    rerun.replace_record(document, slow["suite"]["questions"][0], slow["suite"])
    run = parse(document, recorder.folder / "run.json")
    assert run.confirmations[0].values[FIRST]["first_call"] == run.benchmarks[FIRST].values["first_call"] == 1.5
    assert run.benchmarks[OTHERS[0]].values["first_call"] == 0.5
