"""The Markdown pages of the project, and what they link to."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {".venv", ".git", "node_modules", ".pytest_cache", ".scratch", ".gpu"}
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not GENERATED & set(path.relative_to(ROOT).parts) and path.is_file()
)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"`([^`\n]+)`")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without its fenced blocks, which are code."""
    return FENCE.sub("", text(page))


def links(page: Path) -> list[str]:
    """Targets of the page's links and images."""
    return LINK.findall(CODE.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the page's headings."""
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if name in found else name)
        found[name] = found.get(name, 0) + 1
    return names


def blocks(page: Path) -> list[str]:
    """The page's fenced blocks, without their fences."""
    return re.findall(r"^```\w*\n(.*?)^```", text(page), re.MULTILINE | re.DOTALL)
