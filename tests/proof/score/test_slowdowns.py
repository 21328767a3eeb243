"""Which slowdowns are seen: made-up runs, slowed by known amounts, in which the answer is known."""

from __future__ import annotations

import pytest

from proof.score.slowdowns import Group, grouped, main, namings, score, size
from tests.proof.proof_runs import IDS, TENSORRT, Folder


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "runs")


def kernel(asked):
    return {TENSORRT: {"kind": "kernel", "asked": asked, "size_s": 1e-5}}


def host(asked, size_s):
    return {TENSORRT: {"kind": "host", "asked": asked, "size_s": size_s}}


def layout(module):
    return {IDS[0]: {"kind": "layout", "asked": module, "size_s": None}}


def test_a_kernels_size_is_its_own_duration(folder):
    folder.add(1, extra={TENSORRT: 0.0123}, injected=kernel("1%"))
    (run,) = folder.runs()
    assert size(run, Group("kernel", "1%", TENSORRT)) == pytest.approx(0.0123)
    assert size(run, Group("kernel", "1%", IDS[0])) is None


def test_a_waits_size_is_of_the_latency_without_it(folder):
    folder.add(1, latency={TENSORRT: 0.2}, noise=0, injected=host("20%", 0.0036 * 0.2))
    assert size(folder.runs()[0], Group("host", "20%", TENSORRT)) == pytest.approx(0.2)


def test_what_is_large_enough_is_seen_and_what_is_not_is_not(folder, capsys):
    folder.add(6)
    folder.add(4, extra={TENSORRT: 0.01}, injected=kernel("1%"), name="slowed")
    folder.add(4, extra={TENSORRT: 0.0005}, injected=kernel("0.05%"), name="slowed")
    folder.add(3, latency={TENSORRT: 0.2}, injected=host("20%", 0.0036 * 0.2), name="slowed")
    folder.add(2, extra={TENSORRT: 0.02}, injected=kernel("2%"), name="slowed")
    folder.add(1, injected={}, name="slowed")
    scores = score(folder.runs(), 10, seed=1)
    large, small = (scores.groups[Group("kernel", asked, TENSORRT)] for asked in ("1%", "0.05%"))
    assert [item.slower for item in large.runs] == [True] * 4 and len(large.draws) == 40
    assert all(item.slower and item.size == pytest.approx(0.01) for item in large.draws)
    assert [item.slower for item in small.runs] == [False] * 4 and not any(item.slower for item in small.draws)
    assert all(item.size is not None and item.size < item.claimed < 0.01 for item in small.draws)
    wait = scores.groups[Group("host", "20%", TENSORRT)]
    assert all(item.slower for item in wait.runs) and len(wait.runs) == wait.same_gpu == 3
    assert scores.others_slower == 0 and scores.others == 11 * 5 * 3
    assert scores.too_few == {Group("kernel", "2%", TENSORRT): "2 slowed runs and 6 runs to compare with"}
    assert main([str(folder.path), "--draws=3"]) == 0
    captured = capsys.readouterr()
    assert "nothing was slowed down in it" in captured.err
    row = next(line for line in captured.out.splitlines() if line.startswith(f"kernel 1% {TENSORRT}"))
    assert "1.00% to 1.00%" in row and "4 of 4" in row and "12 of 12" in row
    assert f"kernel 1% {TENSORRT}: the extra kernel named first in 4 of 4 runs" in captured.out
    assert f"kernel 2% {TENSORRT}: not judged, 2 slowed runs" in captured.out


def test_a_run_that_is_slowed_in_several_ways_is_scored_for_each(folder):
    """The kernel by its kernel time, the wait by its latency. What else was slowed in confirming runs is no control: a
    benchmark that grew by 0.2 % in the run and by 3 % in those that confirm would take the 1 % away."""
    folder.add(6)
    wait = host("20%", 0.0036 * 0.2)[TENSORRT]
    for other, size_s in ((0.002, 1e-6), (0.03, 1e-5), (0.03, 1e-5)):
        folder.add(
            1,
            extra={TENSORRT: 0.01, IDS[3]: other},
            latency={TENSORRT: 0.2},
            injected={
                TENSORRT: [kernel("1%")[TENSORRT], wait],
                IDS[3]: [{"kind": "kernel", "asked": f"{other:.1%}", "size_s": size_s}],
            },
        )
    runs = folder.runs()
    assert set(grouped(runs)) == {
        Group("kernel", "1%", TENSORRT),
        Group("host", "20%", TENSORRT),
        Group("kernel", "0.2%", IDS[3]),
        Group("kernel", "3.0%", IDS[3]),
    }
    scores = score(runs, 0, seed=1)
    for group in (Group("kernel", "1%", TENSORRT), Group("host", "20%", TENSORRT)):
        assert [item.slower for item in scores.groups[group].runs] == [True] * 3, group
    assert size(runs[-1], Group("host", "20%", TENSORRT)) == pytest.approx(0.2, rel=0.01)
    assert set(scores.too_few) == {Group("kernel", "0.2%", IDS[3]), Group("kernel", "3.0%", IDS[3])}
    folder.add(1, latency={TENSORRT: 0.5}, injected={TENSORRT: [{**wait, "share": 0.2}]})
    assert size(folder.runs()[-1], Group("host", "20%", TENSORRT)) == 0.2  # on a slower host, too
    assert size(folder.runs()[-1], Group("host", "20%", IDS[3])) is None  # of which the run does not say it


def test_a_run_is_judged_against_its_own_gpu(folder):
    """A GPU that is 1 % slower throughout has no regression when its own baseline is there, whatever others say."""
    folder.add(5)
    folder.add(5, uuid="GPU-2", extra=dict.fromkeys(IDS, 0.01))
    folder.add(3, uuid="GPU-2", extra=dict.fromkeys(IDS, 0.01), injected=host("1%", 0.0036 * 0.01))
    scores = score(folder.runs(), 5, seed=1)
    (found,) = scores.groups.values()
    assert found.same_gpu == 3 and not any(item.slower for item in found.draws) and not scores.others_slower


def test_a_run_short_of_confirmations_borrows_from_another_gpu(folder, capsys):
    """If it has one of its own GPU and day, and a baseline of its own GPU; else it is not judged."""
    folder.add(5)
    folder.add(2, extra={TENSORRT: 0.02}, injected=kernel("2%"))
    folder.add(1, extra={TENSORRT: 0.02}, injected=kernel("2%"), uuid="GPU-2")
    (found,) = score(folder.runs(), 5, seed=1).groups.values()
    assert [item.slower for item in found.runs] == [True] * 2 and (found.borrowed, found.alone) == (2, 1)
    assert main([str(folder.path), "--draws=0"]) == 0
    printed = capsys.readouterr().out
    assert f"kernel 2% {TENSORRT}: 2 runs confirmed by one of another GPU or day" in printed
    assert f"kernel 2% {TENSORRT}: 1 run not judged, without" in printed


def test_what_a_borrowed_confirmation_does_not_confirm_is_not_seen(folder):
    folder.add(5)
    folder.add(2, extra={TENSORRT: 0.02}, injected=kernel("2%"))
    folder.add(1, injected=kernel("2%"), uuid="GPU-2")
    (found,) = score(folder.runs(), 0, seed=1).groups.values()
    assert [item.slower for item in found.runs] == [False] * 2 and found.borrowed == 2


def test_the_kernel_named_first_is_counted(folder):
    folder.add(5)
    folder.add(2, extra={TENSORRT: 0.02}, injected=kernel("2%"))
    # nothing was injected after all, and the gemm became slower
    folder.add(1, extra={TENSORRT: 0.04}, injected=kernel("2%"))
    path = folder.path / "0008_unchanged.json"
    path.write_text(path.read_text().replace("spin_kernel", "some_kernel"))
    (naming,) = namings(folder.runs()).values()
    assert (naming.runs, naming.right) == (3, {"spin_kernel": 2}) and list(naming.others.values()) == [1]


def test_a_layout_is_compared_with_channels_last_throughout(folder, capsys):
    folder.add(5, extra={IDS[0]: 0.5})
    folder.add(5, injected=layout("none"))
    folder.add(3, injected=layout("blocks.1.0"), copies=0.3)
    runs = folder.runs()
    assert list(grouped(runs)) == [Group("layout", "blocks.1.0", IDS[0])]
    assert all(item.slower for item in score(runs, 0, seed=1).groups[Group("layout", "blocks.1.0", IDS[0])].runs)
    (naming,) = namings(runs).values()
    assert (naming.runs, naming.right.total(), len(naming.right)) == (3, 3, 1)
    assert main([str(folder.path), "--draws=0"]) == 0
    assert "a kernel of the other layout named first in 3 of 3 runs (direct_copy_kernel" in capsys.readouterr().out


def test_a_kernel_that_is_launched_as_often_without_the_layout_is_not_the_right_one(folder, capsys):
    folder.add(4, injected=layout("none"))
    folder.add(1, injected=layout("none"), copies=0.01)
    folder.add(3, injected=layout("blocks.1.0"), copies=0.3)
    (naming,) = namings(folder.runs()).values()
    assert naming.runs == 3 and not naming.right and naming.others.total() == 3


def test_nothing_to_judge_is_said(folder, capsys):
    folder.add(5)
    assert main([str(folder.path)]) == 2
    assert "no slowed run" in capsys.readouterr().err
