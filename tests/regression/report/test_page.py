"""The page: its order, what it says where something is missing, that names are text, and that it opens in a browser."""

import dataclasses
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from proof.simulated_runs import benchmark, run, save
from regression import __main__ as command
from regression.history import series as history
from regression.judge.judge import judge
from regression.judge.verdict import Verdict
from regression.report import content, page
from regression.runs import run as runs
from regression.runs.read import read
from tests.regression.report import chromium, reported

INJECTION = """</style></title>"'><script>alert(1)</script><img src=x onerror="alert(2)">&amp;\n{{ 7*7 }}"""
QUESTIONS = Path(__file__).resolve().parents[3] / "proof" / "questions"
in_browser = pytest.mark.skipif(chromium.BROWSER is None, reason="no Chromium is installed here")


class Elements(HTMLParser):
    """The page's elements with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.found, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return reported.stored(tmp_path_factory.mktemp("stored"))


@pytest.fixture(scope="module")
def text(case):
    this, baselines, (past,) = case
    this = dataclasses.replace(this, commit={"id": "f" * 40, "branch": "main"})
    return page.html(reported.content(this, baselines, label_sheet=reported.sheet(), history=past))


def test_everything_is_there_in_order(text):
    headings = re.findall(r"<h2[^>]*>([^<]*)", text)
    assert headings == [
        "Verdicts",
        "What changed",
        "What changed in the environment",
        "Speed-up over eager FP32",
        "Labels",
        "History",
        "The run's environment",
    ]
    parts = (
        "<h1>",
        "pytest benchmarks/ ",
        ">SLOWER",
        ">MISSING",
        ">FASTER",
        f"python -m regression baseline refresh {reported.FAST}",
        "1 UNSURE (noisy)",
        "1 SAME</summary>",
        "driver",
    )
    said = reported.read_aloud(text)
    places = [said.index(part) for part in parts]
    assert places == sorted(places)
    assert text.rindex("f" * 40) > text.index('id="environment"')


def test_the_answer_and_the_kernel_to_look_at_come_first(text):
    head = reported.read_aloud(text[text.index("<h1>") : text.index("<main>")])
    assert f"{reported.SLOW} is slower, {reported.GONE} is missing and {reported.FAST} is wrong" in head
    assert (
        f"Look first at kernel time of {reported.SLOW}, +1.20 %; 100 % of its added kernel time is spin_kernel" in head
    )
    assert head.index("To repeat just that:") < head.index('<pre class="command">pytest benchmarks/ ')


def test_the_top_says_which_gpu_was_measured_when(case):
    this, baselines, _ = case
    this = dataclasses.replace(this, machine={"gpu": {"name": "NVIDIA <b>"}}, datetime="2026-11-24T18:06:15.79+00:00")
    text = page.html(reported.content(this, baselines))
    assert f'<p class="overline">NVIDIA &lt;b&gt; · {this.path.name} · 2026-11-24 18:06 UTC</p>' in text


def test_on_a_cpu_the_top_says_which(case):
    this, baselines, _ = case
    this = dataclasses.replace(this, machine={"gpu": None, "cpu": {"brand_raw": "AMD EPYC"}})
    assert '<p class="overline">AMD EPYC · ' in page.html(reported.content(this, baselines))


def test_without_a_baseline_nothing_is_said_to_have_stayed(case):
    """The speed-ups are what such a page is for, so they are open."""
    this, _, _ = case
    text = page.html(reported.content(this, [], judgements=(), labels=()))
    assert "No benchmark became slower" not in text
    assert re.search(r"<details open>\s*<summary>\d benchmarks, the fastest", text)


def test_a_command_is_copied_as_it_is_typed(case):
    """Its arguments stay whole where a line ends, and between them are plain spaces."""
    this, baselines, _ = case
    told = reported.content(this, baselines)
    inside = page.html(told).partition('<pre class="command">')[2].partition("</pre>")[0]
    assert "".join(Elements(inside).text) == told.repeat
    assert '<span class="kept">--benchmark-compare</span>' in inside


@pytest.mark.parametrize(("number", "said"), [(1, "1 benchmark was"), (2, "2 benchmarks were")])
def test_one_benchmark_is_said_as_one(case, number, said):
    this, baselines, _ = case
    this = dataclasses.replace(this, skipped=dict.fromkeys("ab"[:number], "no GPU"))
    told = page.html(reported.content(this, baselines, deselected=number))
    assert re.search(rf"in the whole run is 1 %\.\s+{said} deselected\.\s+{said} skipped\.</p>", told)


def test_eager_fp32_alone_is_no_speed_up(case):
    this, baselines, _ = case
    told = reported.content(this, baselines)
    alone = dataclasses.replace(told, speedups=tuple(one for one in told.speedups if one.now == 1))
    assert len(alone.speedups) == 1
    assert "No speed-ups: this run did not time eager FP32 beside other variants." in page.html(alone)


def test_cards_are_for_narrow_screens_and_not_for_paper(text):
    """Paper is as narrow as a tablet, and has room for tables."""
    assert "@media screen and (max-width: 46rem)" in text and "@media (max-width: 46rem)" not in text


def test_figures_have_captions_and_alternative_text_and_nothing_is_loaded(text):
    elements = Elements(text)
    figures, images = elements.of("figure"), elements.of("img")
    assert len(figures) >= 6  # a speed-up, two latencies, the sheet, a history
    assert len(images) == 2 * len(figures) - 1  # light and dark; the sheet is the same for both
    assert len(elements.of("figcaption")) == len(figures)
    assert all(len(image["alt"]) > 30 and image["src"].startswith("data:image/") for image in images)
    assert not elements.of("script") and not elements.of("iframe") and not elements.of("a")
    addresses = re.findall(r"https?://[^\s\"'<)]+", text)
    assert addresses == []
    assert len(text.encode()) < 3_000_000


def test_names_are_text_wherever_they_come_from(tmp_path):
    this, baselines, (past,) = reported.stored(tmp_path, spin=INJECTION, commit=INJECTION)
    image = runs.ImageLabel(1, 2, agrees=False)
    labels = {reported.FAST: runs.Label(False, INJECTION, images={INJECTION: image})}
    machine = {**this.machine, INJECTION: INJECTION}
    this = dataclasses.replace(
        this,
        labels=labels,
        machine=machine,
        skipped={INJECTION: INJECTION},
        commit={"message": INJECTION, INJECTION: 1},
    )
    item = reported.judgement(INJECTION, "latency", Verdict.SLOWER, "confirmed", 1.0, 2.0, detail=INJECTION)
    told = reported.content(
        this,
        baselines,
        history=past,
        judgements=(*reported.report(this, baselines).judgements, item),
        labels=((INJECTION, runs.Label(False, INJECTION)),),
        notes=(INJECTION,),
    )
    text = page.html(told)
    elements = Elements(text)
    assert not elements.of("script")
    assert all("onerror" not in attributes for _, attributes in elements.found)
    assert len(elements.of("title")) == len(elements.of("style")) == 1
    assert "{{ 7*7 }}" in "".join(elements.text)
    titles = [attributes["title"] for _, attributes in elements.found if "title" in attributes]
    assert INJECTION in titles  # the kernel's full name, on hover


def test_what_is_missing_is_said_where_it_would_be(tmp_path):
    bare = benchmark(reported.SLOW)
    bare["extra_info"] = {}
    this = read(save(tmp_path, run([bare]), "0001_baseline"))
    text = page.html(
        reported.content(this, [], judgements=(), shown=(), differences=(), labels=(), left_out=(), notes=())
    )
    for said in (
        "Nothing was judged, because there is no baseline for this device yet.",
        "There is no baseline to compare with.",
        "No verdicts: nothing was judged.",
        "No speed-ups",
        "No labels were checked",
        "There is no label sheet",
        "There is no history",
    ):
        assert said in text
    slower = reported.judgement(reported.SLOW, "latency", Verdict.SLOWER, "confirmed", 1.0, 2.0)
    text = page.html(reported.content(this, [], judgements=(slower,)))
    assert "This run has no kernel table" in text
    assert "No latency distribution is stored for it" in text


def test_one_stored_run_is_a_history_of_one_sentence(tmp_path):
    save(tmp_path, run([benchmark(reported.SLOW)]), "0001_nightly")
    found, _ = history.read(tmp_path)
    this = read(tmp_path / "0001_nightly.json")
    text = page.html(reported.content(this, [], judgements=(), history=history.trace(found)[0]))
    assert "one stored run; a history needs at least 6." in text


def test_many_changes_still_make_a_small_page(case):
    """80 benchmarks, all of them slower."""
    this, baselines, (past,) = case
    names = [f"efficientnet_b0-variant{number}-b{batch}" for number in range(40) for batch in (1, 128)]

    def many(run_):
        one = run_.benchmarks[reported.SLOW]
        made = {
            name: dataclasses.replace(
                one, id=name, params=one.params | {"variant": name, "batch_size": name.rsplit("-b")[1]}
            )
            for name in names
        }
        return dataclasses.replace(run_, benchmarks=made)

    judgements = tuple(
        reported.judgement(name, "kernel_time", Verdict.SLOWER, "confirmed", 0.005, 0.00506) for name in names
    )
    told = reported.content(
        many(this),
        [many(baseline) for baseline in baselines],
        judgements=judgements,
        label_sheet=reported.sheet(),
        history=past,
    )
    text = page.html(told)
    assert len(text.encode()) < 3_000_000
    assert "Also changed, and not shown: 72" in text
    assert all(name in text for name in names)


def test_a_thousand_benchmarks_are_a_small_page(tmp_path):
    """Whatever changed, it has as many figures as a night of a few, and says what it leaves out."""
    names = [
        f"model{model}-variant{variant}-b{batch}" for model in range(50) for variant in range(10) for batch in (1, 8)
    ]
    files = [save(tmp_path, run([benchmark(name) for name in names], day), f"000{day}_baseline") for day in range(2)]
    before = [read(path) for path in files]
    this = read(save(tmp_path, run([benchmark(name, 0.006) for name in names], 2), "0009_nightly"))
    slower = [
        reported.judgement(name, metric, Verdict.SLOWER, "confirmed", 0.005, 0.006)
        for name in names
        for metric in ("kernel_time", "latency", "peak_memory")
    ]
    told = reported.content(this, before * 25, judgements=tuple(slower))
    text = page.html(told)
    assert len(text.encode()) < 5_000_000
    most = page.MOST_CHANGED + page.MOST_SPEEDUPS + page.MOST_TIMELINES + 1
    assert len(Elements(text).of("figure")) <= most
    assert "2500 more rows are not shown" in text and "60 more models and batch sizes are not shown" in text


def test_a_question_that_became_slower_is_not_denied():
    """It has no kernels to compare, and the page said that nothing had become slower."""
    run, baseline = (read(QUESTIONS / f"first-request-h200{name}.json") for name in ("-context", ""))
    text = page.html(content.content(judge(run, [baseline]), run, [baseline]))
    assert "No benchmark became slower" not in text
    assert "Changed, without kernels of its own to show: 1" in text
    again = dataclasses.replace(baseline, path=Path("0002_again.json"), identity="", datetime="2026-11-30")
    unchanged = page.html(content.content(judge(again, [baseline]), again, [baseline]))
    assert "No benchmark became slower or faster" in unchanged and "without kernels" not in unchanged


def test_what_did_not_change_is_folded(case):
    """Figures as well; what failed opens them."""
    this, baselines, (past,) = case
    same = reported.judgement(reported.SAME, "kernel_time", Verdict.SAME, "inside-noise", 0.012, 0.012)
    quiet = reported.content(this, baselines, judgements=(same,), labels=(), history=past, label_sheet=reported.sheet())
    text = page.html(quiet)
    assert "<details open" not in text
    outside = re.sub(r"<details.*?</details>", "", text, flags=re.DOTALL)
    assert "<figure" not in outside and reported.SAME not in outside
    assert "efficientnet_<wbr>b0 b128" in outside and "kernel time 0.4 %" in outside
    failing = page.html(reported.content(this, baselines, history=past, label_sheet=reported.sheet()))
    assert failing.count("<details open") == 4


@pytest.mark.parametrize(("labels", "colour"), [(True, "passed"), (False, "incomplete")])
def test_green_needs_coverage(case, labels, colour):
    this, baselines, _ = case
    checked = dict.fromkeys(this.benchmarks, runs.Label(True, "")) if labels else {}
    same = reported.judgement(reported.SAME, "kernel_time", Verdict.SAME, "inside-noise", 0.012, 0.012)
    told = reported.content(
        dataclasses.replace(this, labels=checked, failed={}), baselines, judgements=(same,), labels=()
    )
    assert f'<header class="{colour}">' in page.html(told)


@pytest.mark.parametrize("sheet", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"x" * 2_000_000])
def test_a_label_sheet_that_is_no_small_png_is_not_shown(case, sheet):
    this, baselines, _ = case
    assert "There is no label sheet" in page.html(reported.content(this, baselines, label_sheet=sheet))


@in_browser
def test_opened_from_the_file_no_request_leaves_and_nothing_complains(text, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    opened = chromium.open_page(path, tmp_path)
    assert opened.requests == []
    assert opened.console == []


@in_browser
def test_the_browser_would_have_told_of_a_request_and_of_an_error(tmp_path):
    path = tmp_path / "leak.html"
    path.write_text('<img src="http://leak.invalid/x.png"><script>console.error("boo")</script>')
    opened = chromium.open_page(path, tmp_path)
    assert opened.requests == ["http://leak.invalid/x.png"]
    assert "boo" in opened.console[0]


@in_browser
@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1440, False)])
def test_it_is_laid_out_without_sideways_scrolling(tmp_path_factory, width, dark):
    """With names longer than any screen is wide."""
    folder = tmp_path_factory.mktemp("browser")
    long = "void at::native::kernel<" + "x" * 300 + ">(int)"
    this, baselines, (past,) = reported.stored(folder / "stored", spin=long, commit="f" * 200)
    told = reported.content(this, baselines, notes=("n" * 300,), label_sheet=reported.sheet(), history=past)
    (folder / "report.html").write_text(page.html(told), encoding="utf-8")
    shutil.rmtree(folder / "stored")
    seen = chromium.measure(folder / "report.html", folder, width, dark)
    assert seen["scroll"] <= seen["width"]
    assert seen["smallest"] >= 11 and seen["contrast"] >= 4.5
    assert seen["tables"] >= 6
    assert seen["figures"] == seen["images"] == seen["drawn"] == seen["described"] >= 6
    assert reported.SLOW in seen["text"] and "SAME" in seen["text"]
    assert seen["classes"] == ["", "dark" if dark else "light"]
    assert seen["dark"] == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")


@in_browser
def test_an_ordinary_night_is_two_screens(tmp_path):
    """The full matrix: a run of the baseline against the others."""
    files = sorted(
        (chromium.ROOT / "baselines" / "nvidia-h200").rglob("*_baseline.json"), key=lambda file: "0003" not in file.name
    )
    night, *others = map(str, files)
    report = tmp_path / "report.html"
    assert command.main([night, "--baseline", *others, "--report", str(report)]) == 0
    assert chromium.measure(report, tmp_path, 1440)["folded"] <= 2 * 900
