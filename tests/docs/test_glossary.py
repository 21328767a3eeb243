"""The glossary and the page for whoever reads a verdict know every metric, verdict and reason of the code."""

from __future__ import annotations

import re

import pytest

from regression.judge.verdict import Reason, Verdict
from regression.metrics import METRICS
from tests.docs.pages import ROOT, prose, text

GLOSSARY = prose(ROOT / "docs" / "glossary.md")
READING = prose(ROOT / "docs" / "reading-a-verdict.md")
TERMS = dict(re.findall(r"^### (.+)\n(.+)$", GLOSSARY, re.MULTILINE))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
def test_every_metric_is_a_term(metric):
    title = metric.title[0].upper() + metric.title[1:]
    assert f"`{metric.key}`" in TERMS[title]


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_a_term_and_explained(verdict):
    assert str(verdict) in TERMS
    assert re.search(rf"^\| {verdict} \|", READING, re.MULTILINE)
    assert re.search(rf"^\| {verdict} \|", text(ROOT / "README.md"), re.MULTILINE)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained_with_what_to_do(reason):
    assert re.search(rf"^\| `{reason}` \| .+ \|$", GLOSSARY, re.MULTILINE)
    assert re.search(rf"^\| `{reason}` \| [A-Z, ]+ \| .+ \| .+ \|$", READING, re.MULTILINE)


def test_every_term_is_explained_and_in_order():
    headings = re.findall(r"^### (.+)$", GLOSSARY, re.MULTILINE)
    assert headings == list(TERMS), "a term without an explanation, or twice"
    for section in GLOSSARY.split("\n## ")[1:]:
        terms = re.findall(r"^### (.+)$", section, re.MULTILINE)
        if not section.startswith("Verdicts"):
            assert terms == sorted(terms, key=str.lower)


@pytest.mark.parametrize("metric", [metric for metric in METRICS if metric.spread], ids=lambda metric: metric.key)
def test_thresholds_are_those_of_the_table_of_metrics(metric):
    assert f"{metric.min_effect * 100:g} % for {metric.title}" in TERMS["Minimum effect"]
    assert f"{metric.worth_knowing * 100:g} % for {metric.title}" in TERMS["Worth knowing"]


@pytest.mark.parametrize(
    "metric", [metric for metric in METRICS if metric.path and not metric.by_operator], ids=lambda metric: metric.key
)
def test_the_page_of_the_history_says_what_is_reported(metric):
    smallest = max(metric.min_effect, metric.history_min_effect)
    page = text(ROOT / "docs" / "history.md")
    assert not smallest or f"{smallest * 100:g} % for {metric.title}" in page
