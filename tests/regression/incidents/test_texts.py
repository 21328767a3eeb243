"""What issues are sent: nothing of a stored file acts in them, they fit into GitHub's limits, and remember."""

import dataclasses
import hashlib
import json
import re

import pytest

from regression.incidents import state as states
from regression.incidents import text
from regression.incidents.cause import KERNEL_TIME, Failure, causes, compiler, family
from regression.incidents.job import Job, jobs, runner_names
from regression.incidents.plan import Issue, Kind, Night, open_issues, plan
from regression.incidents.state import FAILURES, UNJUDGED, State
from regression.incidents.text import Links
from regression.report.groups import Place

NASTY = "x` @team #1 <!-- --> --> | **b** <img src=x>\n# h ![i](http://x) ${{ secrets.X }}"


def failure(benchmark="efficientnet_b0-tensorrt-fp16-b1", gpu="nvidia-h200", metric="kernel_time", **more):
    return Failure(gpu=gpu, benchmark=benchmark, compiler=compiler(benchmark), metric=metric, verdict="SLOWER", **more)


def job(*failures, name="h200", gpu="nvidia-h200", **more):
    return Job(name=name, gpu=gpu, day="2026-11-24", judged=True, said="said", failures=failures, **more)


def night(*of, day="2026-11-24"):
    return Night(day=day, jobs=of)


def opened(decided, number=1):
    """The issues that a plan opens, as GitHub lists them."""
    links = Links()
    found = [one for one in decided.actions if one.kind is Kind.OPEN]
    return [
        {"number": at, "title": text.title(one.state), "body": text.body(one, decided.night, links)}
        for at, one in enumerate(found, start=number)
    ]


def test_what_stored_files_say_does_nothing():
    bad = failure(NASTY, gpu=NASTY, metric=NASTY, reason=NASTY, change=NASTY, operators=NASTY, history=NASTY)
    decided = plan(
        night(job(bad, name=NASTY, gpu=NASTY, differences=((NASTY, NASTY, NASTY),)), Job(name=NASTY + "2", said=NASTY)),
        [],
    )
    texts = [text.summary(decided), *(issue["body"] for issue in opened(decided, 7))]
    known = [Issue(number=3, title=NASTY, body="", state=decided.actions[0].state)]
    texts += [text.body(one, decided.night, Links(), known) for one in decided.actions]
    assert all(
        part in texts[1]
        for part in ("Operators behind it:", "What the history says:", "What differs from the baseline:")
    )
    for told in texts:
        visible, _, memory = told.partition("\n\n<!-- nightly-incident {")
        assert memory.count("-->") == (1 if memory else 0), "nothing ends the comment early"
        outside = re.sub(r"`[^`\n]*`", "", re.sub(r"\\.", "", visible))
        assert not re.search(r"[<`]|@(?=\w)|\[i\]\(", outside), outside
        assert "\n# h" not in told
        assert "#1" not in outside
    for issue in opened(decided):
        assert "\n" not in issue["title"] and len(issue["title"]) <= 200


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("first_call", "eager first call slower"),
        ("host_memory", "eager host memory larger"),
        ("load_2", "eager time per image, 2 in flight slower"),
        ("host_growth", "eager host memory growth changed"),
        ("launches", "eager counts changed"),
        ("unknown_metric", "eager unknown_metric changed"),
    ],
)
def test_a_title_says_in_which_direction_a_metric_failed(metric, said):
    (issue,) = opened(plan(night(job(failure("efficientnet_b0-eager-fp32-cold-start", metric=metric))), []))
    assert issue["title"] == f"{said} on nvidia-h200 since 2026-11-24: 1 benchmark"


@pytest.mark.parametrize(("number", "gpus"), [(24, 1), (1000, 1), (2000, 3)])
def test_however_bad_a_night_is_its_issues_fit_and_remember_all_of_it(number, gpus):
    metrics, long = ("kernel_time", "same_kernels", "latency", "peak_memory"), "x" * 300
    found = [
        failure(f"efficientnet_b{at}-tensorrt-fp16-b{at}", f"nvidia-{gpu}", metric, reason=long, operators=long)
        for gpu in range(gpus) for at in range(number) for metric in metrics
    ]  # fmt: skip
    tonight = night(*(job(*(one for one in found if one.gpu == f"nvidia-{gpu}"), gpu=f"nvidia-{gpu}", name=str(gpu))
                      for gpu in range(gpus)))  # fmt: skip
    listed = opened(plan(tonight, []))
    assert len(listed) == 1 and len(listed[0]["body"]) <= 65_536
    issues, ignored = open_issues(listed)
    assert ignored == []
    assert len(issues[0].state.covered) == number * gpus * len(metrics)
    again = plan(dataclasses.replace(tonight, day="2026-11-25"), issues)
    assert [one.kind for one in again.actions] == [Kind.KEEP]


def test_what_an_issue_cannot_remember_is_left_to_the_next_night():
    """Names without anything in common, which cannot be packed."""
    names = [hashlib.sha256(str(at).encode()).hexdigest() + "-tensorrt-fp16-b1" for at in range(3000)]
    listed: list = []
    issues: list = []
    for day in range(24, 28):
        tonight = night(job(*(failure(name) for name in names)), day=f"2026-11-{day}")
        listed += opened(plan(tonight, issues), number=len(listed) + 1)
        assert all(len(issue["body"]) <= 65_536 for issue in listed)
        issues, _ = open_issues(listed)
    assert {name for issue in issues for _, _, name in issue.state.covered} == set(names)


def test_a_state_survives_what_people_write_around_it():
    state = State(kind=FAILURES, first="2026-11-24", last="2026-11-24", family=KERNEL_TIME, compiler="tensorrt",
                  failing=frozenset({("g", "m", NASTY)}), environment={"g": {"commit": NASTY}})  # fmt: skip
    body = f"Text.\n\n{states.written(state)}\n"
    assert states.read(body) == state and "-->" not in states.written(state)[:-3]
    edited = body.replace("Text.", "Somebody is on it <!-- a comment -->")
    later = dataclasses.replace(state, last="2026-11-25")
    replaced = states.replaced(edited, later)
    assert states.read(replaced) == later
    assert "Somebody is on it" in replaced and replaced.count("nightly-incident") == 1


@pytest.mark.parametrize(
    "text",
    [
        "", "nothing", "<!-- nightly-incident {} -->", "<!-- nightly-incident {\"schema\": 2} -->",
        "<!-- nightly-incident {\"schema\": 1, \"kind\": \"failures\"} -->", "<!-- nightly-incident [1] -->",
        "<!-- nightly-incident {\"schema\": 1, \"packed\": \"AAAA\"} -->",
        f"<!-- nightly-incident {'{' * 5000} -->",
    ],
)  # fmt: skip
def test_an_issue_without_a_state_that_can_be_used_is_left_alone(text):
    found, ignored = open_issues([{"number": 4, "title": "t", "body": text}])
    assert found == [] and ignored == ["Issue #4 has the label, but says of no incident; it is left alone."]


@pytest.mark.parametrize("field", ["kind", "first", "failing", "also", "well", "environment"])
@pytest.mark.parametrize("value", [7, None, [1], {"g": 1}, [[["g", "m"], ["b"]]], [[[["g", "m"]], "b"]], [[[1], [1]]]])
def test_a_state_of_wrong_types_is_no_state(field, value):
    state = states.written(State(kind=UNJUDGED, first="2026-11-24", last="2026-11-24"))
    document = json.loads(states.COMMENT.findall(state)[0]) | {field: value}
    try:
        found = states.read(f"<!-- nightly-incident {json.dumps(document)} -->")
    except Exception as error:  # whatever it is, a stranger's text must not end the night
        pytest.fail(repr(error))
    assert found is None or field == "environment"


def test_kernels_and_latency_of_one_benchmark_are_one_cause_and_counts_follow_times():
    one = [failure(metric="launches"), failure(metric="latency"), failure(metric="kernel_time")]
    (cause,) = causes(one)
    assert (cause.family, cause.compiler) == (KERNEL_TIME, "tensorrt") and len(cause.also) == 2
    (cause,) = causes(one[:2])
    assert cause.family == "latency"
    assert len(causes([*one, failure("efficientnet_b0-eager-fp16-b1", metric="latency")])) == 2


def test_what_all_benchmarks_share_is_one_cause():
    everything = [failure("all benchmarks"), failure(), failure("efficientnet_b0-eager-fp16-b1")]
    (cause,) = causes(everything)
    assert cause.compiler == "" and len(cause.failures) == 3


def test_metrics_have_families_by_their_entry_in_the_table():
    known = {name: family(name) for name in ("selection", "api_calls", "peak_memory", "labels", "a new one")}
    assert known == {
        "selection": "kernel time", "api_calls": "counts", "peak_memory": "peak memory", "labels": "labels",
        "a new one": "a new one",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("id_", "variant", "expected"),
    [
        ("efficientnet_b0-tensorrt-ts-fp16-b128", None, "tensorrt-ts"), ("x-y-b1", "compiled-bf16", "compiled"),
        ("all benchmarks", None, ""), ("host-bound benchmarks", None, ""), ("engines at batch 128", None, ""),
        ("test_own", None, ""), ("a-eager-fp8e4m3-b1", None, "eager"),
        ("a-tensorrt-fp16-cold-start", None, "tensorrt"), ("a-tensorrt-fp16-b8-cold-start", None, "tensorrt"),
        ("a-eager-fp32-b1-growth", None, "eager"), ("a-eager-fp32-batches-8", None, "eager"),
    ],
)  # fmt: skip
def test_what_compiles_a_benchmark(id_, variant, expected):
    assert compiler(id_, variant) == expected


def test_a_later_slower_latency_belongs_to_known_slower_kernels():
    (first,) = opened(plan(night(job(failure())), []))
    issues, _ = open_issues([first])
    later = plan(night(job(failure(), failure(metric="latency")), day="2026-11-25"), issues)
    (action,) = later.actions
    assert action.kind is Kind.UPDATE and [one.metric for one in action.joined] == ["latency"]
    memory = plan(night(job(failure(), failure(metric="peak_memory")), day="2026-11-25"), issues)
    assert [one.kind for one in memory.actions] == [Kind.OPEN, Kind.KEEP], "memory is another matter"


def test_noise_ends_nothing_and_a_benchmark_that_left_the_suite_does():
    (first,) = opened(plan(night(job(failure())), []))
    issues, _ = open_issues([first])
    (unsure,) = plan(night(job(), day="2026-11-25"), issues).actions
    assert unsure.kind is Kind.KEEP and unsure.state == issues[0].state
    (gone,) = plan(night(job(selected=frozenset({"another"})), day="2026-11-25"), issues).actions
    assert gone.kind is Kind.CLOSE and "no longer in the suite" in text.comment(gone, night(job()), Links())


def test_an_accepted_change_ends_an_incident_and_is_said_to():
    (first,) = opened(plan(night(job(failure())), []))
    issues, _ = open_issues([first])
    key = ("kernel_time", "efficientnet_b0-tensorrt-fp16-b1")
    tonight = night(job(settled={key: "accepted"}), day="2026-11-25")
    (action,) = plan(tonight, issues).actions
    said = text.comment(action, tonight, Links())
    assert action.kind is Kind.CLOSE and "is accepted" in said and "list of accepted changes" in said


@pytest.mark.parametrize(("last", "kind"), [("2026-11-24", Kind.REOPEN), ("2026-11-01", Kind.OPEN), ("x", Kind.OPEN)])
def test_only_what_ended_lately_goes_on_in_its_issue(last, kind):
    (first,) = opened(plan(night(job(failure())), []))
    (issue,), _ = open_issues([first | {"state": "CLOSED"}])
    ended = dataclasses.replace(issue, state=dataclasses.replace(issue.state, well=issue.state.failing, last=last))
    assert [one.kind for one in plan(night(job(failure()), day="2026-11-26"), [ended]).actions] == [kind]


def test_what_comes_back_is_said_once():
    (first,) = opened(plan(night(job(failure(), failure("efficientnet_b0-tensorrt-fp16-b128"))), []))
    issues, _ = open_issues([first])
    key = ("kernel_time", "efficientnet_b0-tensorrt-fp16-b1")
    half = night(job(failure("efficientnet_b0-tensorrt-fp16-b128"), settled={key: "SAME"}), day="2026-11-25")
    (action,) = plan(half, issues).actions
    assert action.kind is Kind.UPDATE and action.failing == 1
    issues = [dataclasses.replace(issues[0], state=action.state)]
    both = night(job(failure(), failure("efficientnet_b0-tensorrt-fp16-b128")), day="2026-11-26")
    (action,) = plan(both, issues).actions
    assert "Back on 2026-11-26" in text.comment(action, both, Links())
    issues = [dataclasses.replace(issues[0], state=action.state)]
    (action,) = plan(dataclasses.replace(both, day="2026-11-27"), issues).actions
    assert action.kind is Kind.KEEP


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ('["h200", ["self-hosted", "a100"]]', ["h200", "self-hosted, a100"]),
        ('["h200", "h200"]', ["h200", "h200 (2)"]),
        ("", []), ('[{"group": "gpus"}]', ['{"group": "gpus"}']),
    ],
)  # fmt: skip
def test_runners_have_names(told, names):
    assert runner_names(told) == names


@pytest.mark.parametrize("told", ["h200", '{"a": 1}', "7"])
def test_runners_that_are_no_list_are_refused(told):
    with pytest.raises(ValueError, match="is not"):
        runner_names(told)


def test_a_single_artifact_lies_in_the_folder_itself_and_says_which_job_it_was(tmp_path):
    (tmp_path / "report.md").write_text("## x")
    (tmp_path / "index").write_text("1\n")
    found = jobs(tmp_path, ["h200", "a100"])
    assert [(one.name, one.said[:16]) for one in found] == [("a100", "No run was store"), ("h200", "The job left not")]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"benchmarks": []}', '{"benchmarks": 7}', "\x00"])
def test_a_run_that_cannot_be_used_is_a_job_without_a_verdict(tmp_path, text):
    (tmp_path / "nightly-0").mkdir()
    (tmp_path / "nightly-0" / "run.json").write_text(text)
    (tmp_path / "nightly-0" / "verdict.json").write_text(text)
    (one,) = jobs(tmp_path)
    assert not one.judged and "cannot be used" in one.said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((("--weights=w.pth",), ("--weights=w.pth",)), " --weights=w.pth --benchmark-compare`"),
        ((("--weights=w.pth",), ()), " --benchmark-compare`"),  # no command repeats both
    ],
)
def test_what_was_measured_with_options_is_repeated_with_them(options, said):
    known = frozenset({failure().benchmark})
    places = {failure().benchmark: Place("efficientnet_b0", "tensorrt-fp16", 128)}
    jobs = [
        job(failure(gpu=gpu), name=gpu, gpu=gpu, known=known, places=places, options=given)
        for gpu, given in zip(("nvidia-h200", "nvidia-a100"), options, strict=True)
    ]
    (issue,) = opened(plan(night(*jobs), []))
    assert f"-k '[{failure().benchmark}]'{said}" in issue["body"]
