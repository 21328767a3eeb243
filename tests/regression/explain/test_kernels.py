"""Which kernels account for a change: kinds, order, shares, other selections, tables missing or broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression.explain.kernels import explain
from regression.report.markdown import explanation_text as markdown
from regression.report.terminal import explanation_lines as lines
from regression.runs.kernel_table import StoredKernel as Kernel
from regression.runs.kernel_table import kernel_table

US = 1e-6
ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>(int, char*)"
SILU = "void at::native::vectorized_elementwise_kernel<4, at::native::silu_kernel(float)>(int, char*)"
CONV_A = "sm80_xmma_fprop_implicit_gemm_tf32f32_f32_nhwckrsc_nhwc_tilesize128x64x32_stage3_kernel_cudnn"
CONV_B = "sm80_xmma_fprop_implicit_gemm_tf32f32_f32_nhwckrsc_nhwc_tilesize64x64x32_stage5_kernel_cudnn"
BASE = (
    Kernel(SILU, 49, 120 * US),
    Kernel(ADD, 9, 20 * US),
    Kernel(CONV_A, 10, 100 * US),
    Kernel(CONV_B, 20, 160 * US),
)

kernels = st.builds(
    Kernel,
    name=st.one_of(st.sampled_from([SILU, ADD, CONV_A, CONV_B, "spin_kernel", ""]), st.text(max_size=20)),
    launches=st.integers(1, 60),
    time_s=st.floats(1e-9, 1e-2),
)
tables = st.lists(kernels, min_size=1, max_size=12, unique_by=lambda kernel: kernel.name).map(tuple)


def replaced(table, *changed):
    """The table with kernels of these names exchanged, and others added."""
    rows = {kernel.name: kernel for kernel in table} | {kernel.name: kernel for kernel in changed}
    return tuple(kernel for kernel in rows.values() if kernel.launches)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        (Kernel("spin_kernel(long)", 1, 5 * US), "new"),
        (Kernel(ADD, 0, 0.0), "gone"),
        (Kernel(ADD, 18, 40 * US), "more"),
        (Kernel(ADD, 3, 7 * US), "fewer"),
        (Kernel(ADD, 9, 30 * US), "slower"),
        (Kernel(ADD, 9, 10 * US), "faster"),
    ],
)
def test_the_kernel_that_changed_comes_first_with_all_of_the_change(changed, kind):
    explanation = explain("b0-eager-b1", [BASE], replaced(BASE, changed))
    first = explanation.changes[0]
    assert (first.kernel, first.kind) == (changed.name, kind)
    assert first.share == pytest.approx(1)
    assert not explanation.other_selection


@given(baseline=st.lists(tables, min_size=1, max_size=4), now=tables, scale=st.floats(0.5, 2))
def test_shares_add_up_to_the_whole_change(baseline, now, scale):
    """Also where the stored kernel times are another statistic than the tables' sums."""
    explanation = explain(
        "b", baseline, now, [scale * sum(row.time_s for row in table) for table in baseline], sum(k.time_s for k in now)
    )
    accounted = sum(change.change_s for change in explanation.changes)
    assert accounted == pytest.approx(explanation.change_s, rel=0.01, abs=1e-11)
    if abs(explanation.change_s) > 1e-9:
        assert sum(change.share for change in explanation.changes) == pytest.approx(1, abs=0.01)
    sizes = [abs(change.change_s) for change in explanation.changes]
    assert sizes == sorted(sizes, reverse=True)
    for change in explanation.changes:
        if change.members:
            assert sum(member.change_s for member in change.members) == pytest.approx(change.change_s, abs=1e-12)


@given(baseline=st.lists(tables, min_size=1, max_size=3), now=tables, limit=st.integers(1, 7))
def test_the_terminal_gets_few_short_lines_and_every_kernel_its_own_name(baseline, now, limit):
    explanation = explain("efficientnet_b0-tensorrt-fp16-channels-last-b128", baseline, now)
    out = lines(explanation, limit)
    assert len(out) <= limit
    assert all(len(line) <= 100 and line.isprintable() for line in out)
    rows = [member for change in explanation.changes for member in (change.members or (change,))]
    assert len({row.short for row in rows}) == len({row.kernel for row in rows})
    assert all(len(row.short) <= 64 for row in rows)


def test_convolutions_that_changed_places_are_one_row_and_do_not_bury_an_added_kernel():
    now = replaced(
        BASE,
        Kernel(CONV_A, 8, 80 * US),
        Kernel(CONV_B, 22, 182 * US),
        Kernel("spin_kernel(long)", 1, 5 * US),
    )
    explanation = explain("b0-eager-b1", [BASE] * 5, now)
    assert [change.kind for change in explanation.changes[:2]] == ["new", "other selection"]
    assert explanation.other_selection
    group = explanation.changes[1]
    assert group.change_s == pytest.approx(2 * US)
    assert {member.kernel for member in group.members} == {CONV_A, CONV_B}
    assert "different kernel selection" in lines(explanation)[0]
    assert "different kernel selection" in markdown(explanation)


BN = "void cudnn::bn_fw_inf_1C11_kernel_{}<float>(cudnn::bnFwParams)"
NCHW_CONV = "void conv_depthwise2d_forward_kernel<3>(float const*)"


def test_kernels_of_another_layout_are_told_from_another_selection_of_convolutions():
    """A block in NCHW as measured on an H200: slower convolutions, a copy each way, faster normalisation."""
    before = replaced(BASE, Kernel(BN.format("NHWC"), 49, 3000 * US))
    now = replaced(
        BASE,
        Kernel(BN.format("NHWC"), 46, 2350 * US),
        Kernel(BN.format("NCHW"), 3, 528 * US),
        Kernel(CONV_A, 9, 90 * US),
        Kernel(NCHW_CONV, 1, 415 * US),
        Kernel("direct_copy_kernel_cuda", 2, 134 * US),
    )
    explanation = explain("b0-eager-b128", [before] * 5, now)
    assert [change.kind for change in explanation.changes[:3]] == ["other selection", "new", "new layout"]
    convolutions, copy, normalisation = explanation.changes[:3]
    assert convolutions.lead.kernel == NCHW_CONV and convolutions.change_s == pytest.approx(405 * US)
    assert copy.lead is copy
    assert {member.kernel for member in normalisation.members} == {BN.format("NHWC"), BN.format("NCHW")}
    # It became faster, so what did most towards that is what went.
    assert normalisation.change_s == pytest.approx(-122 * US) and normalisation.lead.kernel == BN.format("NHWC")
    told = lines(explanation)
    assert told[0].startswith("b0-eager-b128: new layout and kernels, +417 us of kernel time")
    assert "+415 us conv_depthwise2d_forward_kernel;" in told[1] and len(told[1]) <= 100
    assert "new layout and kernels" in markdown(explanation)


def test_it_is_said_that_a_baseline_run_had_chosen_the_same_kernels():
    other = replaced(BASE, Kernel(CONV_A, 0, 0.0), Kernel(CONV_B, 30, 290 * US))
    explanation = explain("b", [BASE, other, BASE, BASE, BASE], other)
    assert (explanation.other_selection, explanation.seen_before, explanation.baseline_runs) == (True, 1, 5)
    assert "as in 1 of 5 baseline runs" in lines(explanation)[0]


def test_the_baseline_run_in_the_middle_is_the_one_compared_with():
    runs = [replaced(BASE, Kernel(ADD, 9, time * US)) for time in (10, 19, 20, 21, 500)]
    explanation = explain("b", runs, replaced(BASE, Kernel(ADD, 9, 30 * US)))
    assert explanation.changes[0].before_s == pytest.approx(20 * US)


def test_a_baseline_run_that_does_not_count_is_not_the_one_compared_with():
    runs = [replaced(BASE, Kernel(ADD, 9, time * US)) for time in (20, 21, 500, 510)]
    explanation = explain("b", runs, replaced(BASE, Kernel(ADD, 9, 30 * US)), trusted=[1, 1, 0, 0])
    assert explanation.compared == 0 and explanation.changes[0].before_s == pytest.approx(20 * US)


def test_what_the_tables_do_not_account_for_is_a_row():
    explanation = explain("b", [BASE], BASE, [400 * US], 410 * US)
    assert explanation.changes[0].kind == "rest"
    assert explanation.changes[0].share == pytest.approx(1)


def test_short_names_keep_what_tells_kernels_apart():
    explanation = explain("b", [BASE], BASE)
    short = {change.kernel: change.short for change in explanation.changes}
    assert short[SILU] == "vectorized_elementwise_kernel<silu>"
    assert short[ADD] == "vectorized_elementwise_kernel<CUDAFunctor add>"
    assert "128x64x32" in short[CONV_A] and "64x64x32" in short[CONV_B]


@pytest.mark.parametrize(("baseline", "now", "where"), [([()], BASE, "baseline"), ([BASE], (), "This run")])
def test_without_a_table_a_sentence_says_so(baseline, now, where):
    explanation = explain("cpu-b1", baseline, now)
    assert where in explanation.missing
    assert lines(explanation) == [f"cpu-b1: {explanation.missing}"]
    assert explanation.missing in markdown(explanation)


def test_a_stored_table_is_read_and_rows_of_one_name_are_added_up():
    stored = {"kernels": {"kernel": [1, 0, 2], "launches": [2, 1, 3], "time_s": [3e-6, 2e-6, 1e-6]}}
    both, one = kernel_table(stored, ["a", "b", "b"])
    assert (both.name, both.launches) == ("b", 5)
    assert both.time_s == pytest.approx(4e-6)
    assert one == Kernel("a", 1, 2e-6)
    assert kernel_table({"kernels": None}, []) == ()


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"kernel": [5], "launches": [1], "time_s": [1e-6]}, "refers to kernel 5"),
        ({"kernel": [0], "launches": [1, 2], "time_s": [1e-6]}, "differ in length"),
        ({"kernel": [0], "launches": [1]}, "three lists"),
        ([1, 2], "three lists"),
        ({"kernel": [0], "launches": [1], "time_s": [float("nan")]}, "not a positive number"),
        ({"kernel": [0], "launches": ["x"], "time_s": [1e-6]}, "not a positive number"),
    ],
)
def test_a_malformed_table_is_refused_with_what_is_wrong(stored, said):
    with pytest.raises(ValueError, match=said):
        kernel_table({"kernels": stored}, ["a"])


def test_a_name_cannot_act_in_markdown():
    text = markdown(explain("b", [BASE], replaced(BASE, Kernel("`x` | <script>\n# boo", 1, 5 * US))))
    assert "\\|" in text and "\n# boo" not in text
    assert all(line.count("`") % 2 == 0 for line in text.splitlines())
