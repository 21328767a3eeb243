"""Creeps, pools and swaps of GPUs in histories with known answers; and what too few nights cannot tell."""

import dataclasses
import datetime
from pathlib import Path

import numpy as np
import pytest

from proof.history_alarms import DRIFTS, SPREADS, crept, quiet
from regression.history import pool, series
from regression.history.night import Night
from regression.history.noise import FEWEST
from regression.history.search import search
from regression.metrics import METRICS
from regression.report import history as report

START = datetime.datetime(2026, 10, 1, 2, 30, tzinfo=datetime.UTC)
BENCHMARK, KEY = "efficientnet_b0-eager-fp32-b1", "kernel_time"
BY_KEY = {metric.key: metric for metric in METRICS}
NOISE = 0.0007
FALSE_ALARM = series.FALSE_ALARM / 250


def night(number, logs, gpu="GPU-aaaa", run=0, **fields):
    """One run; `logs` maps (benchmark, metric) to the logarithm of a value over 5 ms."""
    return Night(
        file=Path(f"{number:04d}_{run}_nightly.json"),
        when=START + datetime.timedelta(days=number, minutes=5 * run),
        identity=("nvidia-h200", "", ""),
        values={key: 0.005 * float(np.exp(log)) for key, log in logs.items()},
        alike={},
        gpu=gpu,
        **fields,
    )


def nights(shape, gpus=None, key=(BENCHMARK, KEY), seed=0, noise=NOISE):
    random = np.random.default_rng(seed)
    return [
        night(number, {key: log + noise * random.normal()}, gpus[number] if gpus else "GPU-aaaa")
        for number, log in enumerate(shape)
    ]


def traced(found, false_alarm=FALSE_ALARM):
    """At the error of one of 250 series."""
    (past,) = series.trace(found, false_alarm)
    return past


@pytest.mark.parametrize(("name", "count", "before", "growth", "held"), DRIFTS)
def test_creeps_are_found_in_the_noise_of_kernel_time(name, count, before, growth, held):
    """At the error of a history of 250 series, in noise of 0.1 % and of 0.3 %."""
    random = np.random.default_rng(7)
    for spread in SPREADS[:2]:
        assert crept(count, before, growth, held, spread, 5, random).found == 1, name


def test_a_drift_from_the_first_night_on_is_one_event_with_its_pace():
    (event,) = traced(nights(0.005 * np.arange(20))).events
    assert (event.kind, event.ongoing, event.first.day) == ("drift", True, "2026-10-02")
    assert event.a_night == pytest.approx(0.005, abs=0.0003)
    assert event.earliest.when <= event.first.when <= event.latest.when
    assert event.told.startswith("a drift since 2026-10-02, +0.5")


def test_stairs_that_matter_only_together_are_one_drift():
    """Stairs of 1 % in a latency, of which the history tells 5 %."""
    stairs = 0.01 * (np.arange(60) // 5)
    (event,) = traced(nights(stairs, key=(BENCHMARK, "latency"), noise=0.003)).events
    assert (event.kind, event.ratio) == ("drift", pytest.approx(np.exp(0.11), rel=0.01))


@pytest.mark.parametrize("seed", range(3))
def test_a_pool_of_four_gpus_changes_nothing_by_itself(seed):
    random = np.random.default_rng(seed)
    gpus = [f"GPU-{number}" for number in random.integers(4, size=60)]
    offsets = {gpu: 0.004 * random.normal() for gpu in sorted(set(gpus))}
    quiet_ones = [offsets[gpu] for gpu in gpus]
    assert traced(nights(quiet_ones, gpus, seed=seed)).events == ()
    step = [log + 0.01 * (number >= 40) for number, log in enumerate(quiet_ones)]
    (event,) = traced(nights(step, gpus, seed=seed)).events
    assert (event.kind, event.first.day) == ("step", "2026-11-10")
    creep = [log + 0.001 * number for number, log in enumerate(quiet_ones)]
    (event,) = traced(nights(creep, gpus, seed=seed)).events
    assert event.kind == "drift" and event.a_night == pytest.approx(0.001, abs=1e-4)


@pytest.mark.parametrize("size", [0.0, 0.004, 0.03])
@pytest.mark.parametrize("after", [2, 15, 100])
def test_a_swap_of_the_gpu_is_told_once_with_what_it_changed(size, after):
    gpus = ["GPU-aaaa"] * 100 + ["GPU-bbbb"] * after
    past = traced(nights([size * (gpu == "GPU-bbbb") for gpu in gpus], gpus))
    (swap,) = past.swaps
    assert (swap.night.day, swap.before, swap.after) == ("2027-01-09", "GPU-aaaa", "GPU-bbbb")
    assert past.events == ()
    if size and after > 2:
        (event,) = swap.events
        assert (event.kind, event.first) == ("swap", swap.night)
        assert event.ratio == pytest.approx(np.exp(size), abs=0.0006)
    elif not size:
        assert swap.events == ()
    assert "the GPU was swapped on 2027-01-09" in past.sentence()
    twice = dataclasses.replace(past, swaps=(swap, swap))
    assert twice.sentence() == past.sentence(), "a day is named once"
    assert max(map(len, report.terminal_text(twice).splitlines())) <= 100


def test_a_step_and_a_drift_beside_a_swap_are_found_besides():
    gpus = ["GPU-aaaa"] * 30 + ["GPU-bbbb"] * 30
    shape = np.where(np.arange(60) >= 30, 0.004, 0.0)
    past = traced(nights(shape + 0.01 * (np.arange(60) >= 45), gpus))
    assert [(event.kind, event.first.day) for event in past.events] == [("step", "2026-11-15")]
    past = traced(nights(shape + 0.002 * np.arange(60), gpus))
    assert [event.kind for event in past.events] == ["drift"]
    assert [event.ratio for event in past.swaps[0].events] == [pytest.approx(np.exp(0.004), abs=0.001)]


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        ("aaabbb", [3]),
        ("aaabbbccc", [3, 6]),
        ("abcdabcd", []),
        ("aaabbbaaa", []),
        ("abcdefgh", []),
        ("aaaaab", [5]),
        ("", []),
    ],
)
def test_a_swap_is_for_good_and_no_pool(gpus, expected):
    assert pool.swaps(list(gpus)) == expected
    assert pool.swaps([""] * len(gpus)) == []


def test_a_gpu_that_is_away_for_some_nights_leaves_no_steps():
    gpus = ["a"] * 30 + ["b"] * 8 + ["a"] * 30
    assert traced(nights([0.01 * (gpu == "b") for gpu in gpus], gpus)).events == ()


def test_times_of_a_disturbed_gpu_are_left_out_as_by_the_judge():
    found = nights(np.zeros(40))
    disturbed = {BENCHMARK: ("hw_slowdown",)}
    slow = [night(number, {(BENCHMARK, KEY): 0.5}, disturbed=disturbed) for number in range(15, 20)]
    past = traced([*found[:15], *slow, *found[20:]])
    assert past.events == () and past.disturbed == 5
    assert "times of a disturbed GPU are left out in 5 nights" in past.sentence()
    assert len(past.values(BENCHMARK, KEY)) == 35
    undisturbed = [dataclasses.replace(one, disturbed={}) for one in slow]
    assert len(traced([*found[:15], *undisturbed, *found[20:]]).events) == 2


def test_nights_that_measured_different_benchmarks_are_no_history_of_any():
    few = traced([night(number, {(f"{BENCHMARK}-{number % 2}", KEY): 0.5}) for number in range(7)])
    assert few.sentence().endswith(", no series has the 6 nights that a history needs.")


def test_too_few_nights_say_so_and_how_many_they_need():
    few = traced(nights(np.zeros(7)))
    assert "nothing can be said yet of 1 series; 1 series has too few nights to tell" in few.sentence()
    (short,) = few.short
    assert short.nights == 7 < short.needed
    assert "no lasting change in 1 series" in traced(nights(np.zeros(short.needed + 3))).sentence()
    assert "Too few nights to tell: kernel time of" in report.terminal_text(few)


@pytest.mark.parametrize("spread", [0.001, 0.01])
def test_no_lasting_change_is_said_only_where_one_would_have_shown(spread):
    """As many nights as a series is said to need show a change worth knowing that lasts half of them."""
    random = np.random.default_rng(11)
    shown = 0
    for _ in range(20):
        needed = search(np.exp(spread * random.normal(size=12)), FALSE_ALARM).needed(0.02)
        step = 0.02 * (np.arange(needed) >= needed // 2)
        shown += bool(search(np.exp(np.log1p(step) + spread * random.normal(size=needed)), FALSE_ALARM).found)
    assert shown >= 17


@pytest.mark.parametrize("size", [0.0025, 0.004, 0.01])
def test_the_interval_holds_the_night_of_a_step(size):
    random = np.random.default_rng(3)
    held, found = 0, 0
    for _ in range(60):
        shape = size * (np.arange(60) >= 23) + 0.001 * random.normal(size=60)
        for change in search(np.exp(shape), FALSE_ALARM).found:
            found += 1
            held += change.earliest <= 23 <= change.latest
    assert found >= 55 and held >= 0.93 * found


def test_runs_of_one_day_have_its_noise_in_common():
    """Ten runs on each of twelve days: 120 independent values would show this noise of days as changes."""
    random = np.random.default_rng(5)
    days = np.repeat(np.arange(12), 10)
    logs = 0.006 * random.normal(size=12)[days] + 0.0005 * random.normal(size=120)
    assert search(np.exp(logs), FALSE_ALARM).found != ()
    assert search(np.exp(logs), FALSE_ALARM, days=days.tolist()).found == ()


def test_a_step_within_a_day_is_dated_to_its_run():
    random = np.random.default_rng(5)
    days = np.repeat(np.arange(20), 6)
    for at in (60, 62, 65):
        logs = 0.02 * (np.arange(120) >= at) + 0.0005 * random.normal(size=120)
        (step,) = search(np.exp(logs), FALSE_ALARM, days=days.tolist()).found
        assert (step.first, step.last) == (at, at)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (0.003 * np.arange(21), "in the history a drift since 2026-10-02, +0.3"),
        (0.06 * (np.arange(21) >= 15), "in the history a step on 2026-10-16 (+6."),
        (0.06 * (np.arange(21) >= 20), "in the history no lasting change yet"),
        (0.06 * (np.arange(7) >= 6), "the history has too few nights to tell since when (7 of the "),
    ],
)
def test_both_views_say_the_same_of_a_series(shape, said):
    past = traced(nights(shape))
    assert past.says(BENCHMARK, BY_KEY[KEY], 1.06).startswith(said)
    assert past.says(BENCHMARK, BY_KEY["same_kernels"], 1.06).startswith(said)
    assert past.says("another", BY_KEY[KEY], 1.06) == ""
    for event in past.events:
        assert event.told in past.says(BENCHMARK, BY_KEY[KEY], 1.06)
        assert "drift" not in past.says(BENCHMARK, BY_KEY[KEY], 0.9)


def test_the_same_run_in_two_places_counts_once():
    found = [dataclasses.replace(one, run_id=str(number)) for number, one in enumerate(nights(np.zeros(9)))]
    copies = [dataclasses.replace(one, file=Path("elsewhere") / one.file) for one in found]
    assert len(traced([*found, *copies]).nights) == 9


def test_a_history_of_every_kind_of_quiet_series_is_empty():
    for kind in ("days of three runs", "pool of four GPUs"):
        noise = quiet(kind, np.random.default_rng(1), 30)
        result = search(np.exp(0.001 * noise.values), FALSE_ALARM, gpus=noise.gpus, days=noise.days)
        assert result.found == () and result.nights == 30 >= FEWEST
