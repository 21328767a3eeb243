"""What the pages link to and name exists: pages, anchors, pictures, files of the project, modules that are run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.docs.pages import CODE, PAGES, ROOT, anchors, links, prose, text

NAMED = re.compile(
    r"(?:benchmarks|common|data|docs|fixtures|proof|regression|rehearsal|tests|\.github)/[\w./-]*\.(?:py|md|json|toml|yml|xz|png|svg)"
)
# The changelog alone names what is gone.
OF_TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]
RUN = re.compile(r"python -m ((?:proof|regression|rehearsal)(?:\.\w+)*)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_pages_are_found():
    assert {"README.md", "docs/glossary.md", "proof/README.md"} <= {name(page) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_and_anchor_resolves(page):
    wrong = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong


@pytest.mark.parametrize("page", OF_TODAY, ids=name)
def test_every_file_that_is_named_exists(page):
    named = {code for code in CODE.findall(prose(page)) if NAMED.fullmatch(code)}
    assert not [file for file in sorted(named) if not (ROOT / file).exists()]


@pytest.mark.parametrize("page", OF_TODAY, ids=name)
def test_every_module_that_is_run_exists(page):
    modules = set(RUN.findall(text(page)))
    assert not [module for module in sorted(modules) if importlib.util.find_spec(module) is None]


def test_every_page_of_docs_is_linked_from_the_readme():
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert not [page for page in (ROOT / "docs").glob("*.md") if page not in linked]


def test_a_broken_link_would_be_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One `thing`, two\n\n[a](#one-thing-two) ![b](<b.png>) `[c](c.md)`\n\n```\n# no heading\n```\n")
    assert links(page) == ["#one-thing-two", "b.png"]
    assert anchors(page) == {"one-thing-two"}
