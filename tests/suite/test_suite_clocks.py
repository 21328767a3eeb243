"""The clocks' arithmetic: what a profile says, what makes it invalid, and what several profiles come to."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
import torch

from fixtures import clocks
from fixtures.device import resolve


def activities(*kernels, inferences=20):
    """What the GPU runs where each inference launches the kernels (name, nanoseconds) in this order."""
    start = itertools.count()
    return [clocks.Activity(name, next(start), ns) for _ in range(inferences) for name, ns in kernels]


def test_activities_are_sorted_by_name_inference_and_launch():
    profile = clocks.sort_activities(
        activities(("conv", 3000), ("add", 1000), ("conv", 5000), ("Memcpy HtoD", 2000)), 20
    )
    assert profile["conv"].shape == (20, 2)
    np.testing.assert_allclose(profile["conv"], [[3e-6, 5e-6]] * 20)
    assert profile["Memcpy HtoD"].shape == (20, 1)


def test_launches_are_in_the_order_of_their_start_whatever_the_order_of_the_profile():
    events = activities(("conv", 3000), ("conv", 5000))
    profile = clocks.sort_activities(events[::-1], 20)
    np.testing.assert_allclose(profile["conv"], [[3e-6, 5e-6]] * 20)


@pytest.mark.parametrize(
    "events, said",
    [
        ([], "recorded no GPU activity"),
        (activities(("conv", 3000))[:-1], "recorded 19 launches of conv in 20 inferences"),
        ([*activities(("conv", 3000)), *activities(("stray", 1000), inferences=1)], "recorded 1 launches of stray"),
    ],
    ids=["none", "one lost", "one too many"],
)
def test_a_profile_that_lost_events_is_invalid(events, said):
    with pytest.raises(clocks.InvalidProfile, match=said):
        clocks.sort_activities(events, 20)


def test_a_profile_can_be_read_in_this_version_of_pytorch():
    """What a host alone runs is no GPU activity, though a profile has all that the GPU's are read by."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        torch.ones(2) + 1
    assert clocks.gpu_activities(profiler) == []
    event, *_ = profiler.profiler.kineto_results.events()
    assert event.name() and event.start_ns() > 0 and event.duration_ns() >= 0 and not event.is_user_annotation()


def profiles(durations_us, names=("conv", "add")):
    """Profiles of one launch of each name; each row is one profile's durations."""
    return [{name: np.full((20, 1), us * 1e-6) for name, us in zip(names, row, strict=True)} for row in durations_us]


def test_kernel_time_is_a_trimmed_mean_of_every_launch():
    found = clocks.summarise(profiles([(100, 10), (101, 10), (102, 30), (103, 10), (104, 10)]))
    # of 100 durations the 10 least and the 10 greatest are left out
    conv_us, add_us = (10 * 100 + 20 * (101 + 102 + 103) + 10 * 104) / 80, (70 * 10 + 10 * 30) / 80
    assert found.time_s == pytest.approx((conv_us + add_us) * 1e-6)
    assert [kernel.name for kernel in found.kernels] == ["conv", "add"]
    assert sum(kernel.time_s for kernel in found.kernels) == pytest.approx(found.time_s)
    assert found.repeats_s == pytest.approx((110e-6, 111e-6, 132e-6, 113e-6, 114e-6))
    assert found.launches == 2


def test_a_disturbed_profile_does_not_move_kernel_time():
    quiet = [(100 + 0.01 * i, 10) for i in range(10)]
    disturbed = [*quiet[:9], (150, 20)]
    calm, moved = clocks.summarise(profiles(quiet)), clocks.summarise(profiles(disturbed))
    assert moved.time_s == pytest.approx(calm.time_s, rel=1e-4)


def test_steps_of_the_clock_average_out():
    """A launch of 2.41 us, seen as 2.400 or 2.432 us, is measured finer than the clock ticks."""
    rng = np.random.default_rng(1)
    ticks = 2.4 + 0.032 * (rng.random((200, 50)) < 0.01 / 0.032)
    found = clocks.summarise([{"conv": part * 1e-6} for part in np.split(ticks, 10)])
    assert found.time_s == pytest.approx(50 * 2.41e-6, rel=1e-3)


def test_profiles_that_disagree_on_what_was_launched_are_invalid():
    with pytest.raises(clocks.InvalidProfile, match=r"disagree on the kernels of one inference \(\[2, 2\] launches\)"):
        clocks.summarise(profiles([(1, 2)]) + profiles([(1, 2)], names=("conv", "other")))


def test_an_invalid_profile_is_taken_again_and_three_times_at_most(monkeypatch):
    monkeypatch.setattr(clocks, "keep_busy", lambda *arguments: None)
    good = profiles([(100, 10)])[0]
    taken = []

    def take(bad):
        def take_profile(run, device):
            taken.append(len(taken))
            if len(taken) - 1 in bad:
                raise clocks.InvalidProfile("lost")
            return good

        return take_profile

    monkeypatch.setattr(clocks, "take_profile", take({0, 4, 7}))
    assert clocks.measure_kernel_time(lambda: None, resolve("cpu")).time_s == pytest.approx(110e-6)
    assert len(taken) == clocks.PROFILES + 3
    taken.clear()
    monkeypatch.setattr(clocks, "take_profile", take({0, 1, 2, 3}))
    with pytest.raises(clocks.InvalidProfile, match="lost, and so did 3 profiles before it"):
        clocks.measure_kernel_time(lambda: None, resolve("cpu"))
    assert len(taken) == 4


def test_warm_up_goes_on_until_the_call_is_steady(steady_time):
    calls = itertools.count()

    def call():
        time.sleep(max(0.003, 0.06 * 0.9 ** next(calls)))  # reaches 3 ms at the 29th call

    assert clocks.warm_up(call, min_s=0.0, tolerance=0.2) > 29


def test_warm_up_gives_up_on_a_call_that_never_is(steady_time):
    calls = itertools.count(1)
    began = time.perf_counter()
    clocks.warm_up(lambda: time.sleep(0.002 * next(calls)), min_s=0.0, max_s=0.5)
    assert 0.5 < time.perf_counter() - began < 1


def test_quantiles_are_101_from_least_to_most():
    found = clocks.quantiles([0.001 * i for i in range(1, 202)])
    assert (len(found), found[0], found[50], found[100]) == (101, 0.001, 0.101, 0.201)
