"""Rehearsals of distinct pairs: how they are drawn, that they are judged as recorded ones are, and what is said."""

from __future__ import annotations

import random

import pytest

from proof.rehearsals import distinct
from proof.rehearsals.arena import Arena, Plan, disjoint, judged, slowed_pairs, unchanged_pairs
from regression.judge.verdict import Verdict
from rehearsal.judge import judge
from rehearsal.paired import KERNEL_TIME, LATENCY, SAME_KERNELS
from rehearsal.protocol import NEW, OLD
from rehearsal.record import Pair, Record, Turns
from rehearsal.rows import OUTPUTS
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS
from tests.proof.made_up_pairs import NAMES, recording

CONTINUOUS = (LATENCY, KERNEL_TIME, SAME_KERNELS)


def test_no_process_is_twice_in_a_rehearsal_and_both_of_a_pair_are_of_one_batch():
    batches = recording(batches=3, processes=7, slowed=2, slower=0.1).batches
    for seed in range(20):
        pairs = unchanged_pairs(batches, random.Random(seed))
        used = [(number, name) for number, *names in pairs for name in names]
        assert len(pairs) == 3 * (7 // 2)
        assert len(set(used)) == len(used)
        assert all(name in batches[number].unchanged for number, name in used)
        slowed = slowed_pairs(batches, random.Random(seed))
        assert len({(number, new) for number, _, new in slowed}) == len(slowed) == 3 * 2
        assert all(old in batches[number].unchanged and new in batches[number].slowed for number, old, new in slowed)


def test_every_pair_of_a_batch_is_drawn_once_in_a_while():
    batches = recording(batches=1, processes=6).batches
    seen = {frozenset(pair[1:]) for seed in range(200) for pair in unchanged_pairs(batches, random.Random(seed))}
    assert len(seen) == 6 * 5 // 2


def test_disjoint_rehearsals_share_no_process():
    pairs = unchanged_pairs(recording(batches=2, processes=14).batches, random.Random(1))
    rehearsals = disjoint(pairs)
    assert [len(some) for some in rehearsals] == [LEAST_PAIRS] * 4
    assert len({pair for some in rehearsals for pair in some}) == 4 * LEAST_PAIRS


@pytest.mark.parametrize("slower", [0.0, 0.03, 0.5])
def test_a_rehearsal_is_judged_as_its_record_would_be(slower):
    """The record is made of the same processes, its new side's times really multiplied."""
    found = recording(processes=2 * LEAST_PAIRS, batches=1)
    arena = Arena(found)
    pairs, rounds = unchanged_pairs(found.batches, random.Random(1)), 20
    record = Record(sides={OLD: found.side, NEW: found.side}, budget_s=60.0)
    for number, old, new in pairs:
        batch = found.batches[number]
        pair = Pair(lists={side: batch.processes[name].lists for side, name in ((OLD, old), (NEW, new))})
        for name in NAMES:
            turns = batch.turns[name]
            times_s = [
                {OLD: one[old][:rounds], NEW: [time_s * (1 + slower) for time_s in one[new][:rounds]]}
                for one in (turns.min_s, turns.median_s)
            ]
            pair.turns[name] = Turns(turns.calls, *times_s)
            pair.measured[OLD][name] = batch.processes[old].measured[name]
            fields = batch.processes[new].measured[name]
            operators = fields["operators"]
            scaled = [time_ns * (1 + slower) for time_ns in operators["time_ns"]]
            pair.measured[NEW][name] = fields | {
                "kernel_time_s": fields["kernel_time_s"] * (1 + slower),
                "operators": operators | {"time_ns": scaled},
            }
        record.pairs.append(pair)
    expected = [row for row in judge(record).rows if row.judgement.metric in CONTINUOUS]
    rows = judged(arena.looks(pairs, rounds), slower)
    counts = [row for row in judge(record).rows if row.judgement.metric not in (*CONTINUOUS, OUTPUTS)]
    assert [row for row in rows if row.judgement.metric not in CONTINUOUS] == counts != []
    said = [row for row in rows if row.judgement.metric in CONTINUOUS]
    assert len(said) == len(expected) == 3 * len(NAMES)
    by_name = {(row.judgement.benchmark, row.judgement.metric): row for row in said}
    for row in expected:
        same = by_name[row.judgement.benchmark, row.judgement.metric]
        assert same.judgement.verdict is row.judgement.verdict
        assert same.pairs == row.pairs == LEAST_PAIRS
        assert (same.low_ratio, same.high_ratio) == pytest.approx((row.low_ratio, row.high_ratio))
        assert (same.judgement.baseline, same.judgement.now) == pytest.approx(
            (row.judgement.baseline, row.judgement.now)
        )


def test_what_is_decided_needs_no_further_pair():
    found = recording()
    pairs = unchanged_pairs(found.batches, random.Random(1))[:MOST_PAIRS]
    rows = judged(Arena(found).looks(pairs), 0.5)
    assert {row.pairs for row in rows if row.judgement.metric in CONTINUOUS} == {LEAST_PAIRS}
    assert {row.judgement.verdict for row in rows if row.judgement.metric == LATENCY} == {Verdict.SLOWER}


def test_a_budget_holds_whole_pairs_and_their_rounds():
    arena = Arena(recording())
    # The first pair takes 40 s beside its turns, each further one 20 s; a round takes 0.2 s. Turns take a second a
    # benchmark, and a fifth of what a pair takes besides where there are more than the fewest pairs.
    assert arena.plan(85.0) is None
    held = [arena.plan(seconds) for seconds in (86.1, 120.0, 3600.0)]
    assert held == [Plan(LEAST_PAIRS, 10), Plan(4, 25), Plan(MOST_PAIRS, 200)]
    assert arena.plan(3600.0, 5) == Plan(5, 200)


def test_pairs_that_were_slowed_do_not_say_what_a_pair_takes():
    plain, slowed = recording(batches=3), recording(batches=3, slowed=1, slower=0.1)
    for batch in slowed.batches:
        batch.apart_s *= 3
    plain.batches += slowed.batches
    assert Arena(plain).plan(120.0) == Plan(4, 25)


def test_a_rehearsal_is_wrong_where_it_says_anything_but_same_and_unsure():
    found = recording()
    looks = Arena(found).looks(unchanged_pairs(found.batches, random.Random(1)))
    assert not distinct.is_wrong(judged(looks))
    assert distinct.is_wrong(judged(looks, 0.5))
    assert distinct.is_wrong(judged(looks, -0.3))


def test_the_bound_is_the_rule_of_three():
    assert distinct.bound(0, 100) == pytest.approx(3 / 100, rel=0.02)
    assert distinct.bound(0, 10) < distinct.bound(1, 10) < distinct.bound(10, 10) == 1.0


def test_more_pairs_find_smaller_slowdowns():
    found = recording()
    arena, draw = Arena(found), random.Random(1)
    few, many = ([arena.looks(unchanged_pairs(found.batches, draw)[:pairs]) for _ in range(20)] for pairs in (3, 8))
    least, most = (distinct.found_at(looks, LATENCY, NAMES[0]) for looks in (many, few))
    assert least is not None and most is not None
    assert distinct.STEP[LATENCY] < least < most < 0.2
    least, most = (distinct.found_at(looks, SAME_KERNELS, NAMES[0]) for looks in (many, few))
    assert least is not None and most is not None
    assert distinct.STEP[SAME_KERNELS] < least < most < 0.01


def test_the_command_prints_what_became_of_unchanged_and_of_really_slowed_processes(tmp_path, capsys):
    files = [tmp_path / "first.json.xz", tmp_path / "second.json"]
    recording(batches=2, processes=6).write(files[0])
    recording(batches=3, processes=6, slowed=3, slower=0.3, waits=1, seed=2).write(files[1])
    assert distinct.main([*map(str, files), "--times=5", "--budget", "1", "10"]) == 0
    said = capsys.readouterr().out
    assert "a GPU: 15 pairs of unchanged processes" in said
    assert "| 1 min | decides nothing | | | | | |" in said
    assert "| 10 min | 8 | 200 | 5 | 0 | 10 of 10 | 10 of 10 |" in said
    assert "really slowed in 9 pairs" in said
    assert "share no process: 5, of which 0 say anything but SAME and UNSURE" in said
    assert f"| {NAMES[0]}, host=30.000000% | 6,000 to 6,000 us | latency | - | 5 of 5 | +" in said
    assert f"| {NAMES[0]}, synchronisation=1 | - | synchronisations | - | 5 of 5 | +1 |" in said
    # the made-up waits lengthen the kernels as well, which is of what a synchronisation may move
    assert "- Of all else nothing is said but SAME and UNSURE." in said


def test_the_second_table_is_drawn_and_the_same_figure_is_the_same_file(tmp_path, capsys):
    recording(batches=4, processes=2).write(file := tmp_path / "found.json")
    drawn = [tmp_path / name for name in ("first.svg", "second.svg")]
    for plot in drawn:
        assert distinct.main([str(file), "--times=2", "--budget", "2", "10", f"--plot={plot}"]) == 0
    assert drawn[0].read_bytes() == drawn[1].read_bytes()
    assert drawn[0].read_text().count("<path") > 2 * len(NAMES)


def test_without_the_time_that_pairs_took_there_is_no_budget_to_plot(tmp_path, capsys):
    found = recording(batches=4, processes=2)
    for batch in found.batches:
        batch.apart_s = batch.turns_s = 0.0
    found.write(file := tmp_path / "found.json")
    assert distinct.main([str(file), "--times=2", f"--plot={tmp_path / 'plot.svg'}"]) == 2
    assert "nothing to plot" in capsys.readouterr().err
    assert distinct.main([str(file), "--times=2"]) == 0
    assert "| no budget | 4 | 30 | 2 | 0 |" in capsys.readouterr().out


def test_what_rounds_share_is_said(tmp_path, capsys):
    alone, together = recording(batches=1, processes=6), recording(batches=1, processes=6)
    draw = random.Random(2)
    for turns in together.batches[0].turns.values():
        both = [1 + draw.random() for _ in range(turns.rounds)]
        for times_s in turns.min_s.values():
            times_s[:] = [time_s * slow for time_s, slow in zip(times_s, both, strict=True)]
    for found, least, most in ((alone, -0.5, 0.5), (together, 0.9, 1.0)):
        found.write(file := tmp_path / "found.json")
        assert distinct.main([str(file), "--times=2", "--budget", "10"]) == 0
        row = next(line for line in capsys.readouterr().out.splitlines() if f"{NAMES[0]} | latency" in line)
        assert least < float(row.split("|")[3]) <= most


def test_what_was_not_done_and_is_said_of_slowed_processes_is_listed(tmp_path, capsys):
    found = recording(batches=1, processes=6, slowed=3, slower=0.3)
    for name in found.batches[0].slowed:
        found.batches[0].processes[name].measured[NAMES[0]]["synchronisations"] = 2
    found.write(file := tmp_path / "found.json")
    assert distinct.main([str(file), "--times=5", "--budget", "10"]) == 0
    said = capsys.readouterr().out
    assert f"- {NAMES[0]}, synchronisations: 5 x CHANGED" in said
    assert f"- {NAMES[0]}, same kernels: 5 x SLOWER" in said


def test_a_rehearsal_of_one_environment_that_says_a_count_changed_is_wrong():
    found = recording(batches=1, processes=6)
    pairs = unchanged_pairs(found.batches, random.Random(1))
    assert not distinct.is_wrong(judged(Arena(found).looks(pairs)))
    for _, _, new in pairs:
        found.batches[0].processes[new].measured[NAMES[0]]["launches"] = 3
    assert distinct.is_wrong(judged(Arena(found).looks(pairs)))


def test_too_few_processes_are_refused_with_a_sentence(tmp_path, capsys):
    file = tmp_path / "few.json"
    recording(batches=1, processes=5).write(file)
    assert distinct.main([str(file)]) == 2
    assert "distinct: there are no 3 pairs of unchanged processes" in capsys.readouterr().err
    assert distinct.main([str(tmp_path / "none.json")]) == 2
    assert "none.json does not exist" in capsys.readouterr().err
