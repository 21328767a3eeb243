"""Short names for kernels: what tells them apart within one comparison, and no more."""

import re
from collections.abc import Iterable

from regression.text import LONGEST_NAME, fit, flattened

RESULT = frozenset(["void", "static", "inline", "bool", "int", "float", "double"])
# Words of C++ that say nothing about what a kernel does.
FILLER = frozenset(
    [
        "void",
        "const",
        "operator",
        "std",
        "array",
        "char",
        "at",
        "native",
        "lambda",
        "TensorIteratorBase",
        "unsigned",
        "int",
        "ul",
        "bool",
    ]
)
WORD = re.compile(r"[A-Za-z0-9]+(?:_+[A-Za-z0-9]+)*|[^\sA-Za-z0-9]")


def base_name(name: str) -> str:
    """The function's own name: without result type, namespaces, template arguments, parameters and a final number.

    `void at::native::copy_kernel<4, float>(int, float*)` is `copy_kernel`; `triton_poi_fused_add_12` is
    `triton_poi_fused_add`.
    """
    flat, depth = [], 0
    for character in name.replace("(anonymous namespace)", "anonymous"):
        if character in "<(":
            depth += 1
        elif character in ">)":
            depth = max(depth - 1, 0)
        elif depth == 0:
            flat.append(character)
    words = flattened("".join(flat)).split()
    while len(words) > 1 and words[0] in RESULT:
        del words[0]
    base = " ".join(words).rpartition("::")[2] or flattened(name)
    return re.sub(r"_\d+$", "", base)


def shorten(names: Iterable[str]) -> dict[str, str]:
    """A short name, at most `LONGEST_NAME` characters on one line, for every full name; no two alike.

    Kernels of one base name keep the words of their full names that not all of them share.
    """
    names = list(dict.fromkeys(names))
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_head(name), []).append(name)
    short: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        head = _head(name)
        alike = groups[head]
        text = head
        if len(alike) > 1:
            # With a TensorRT or cuDNN name every word is part of the name itself, so words are split at underscores.
            common = set.intersection(*(set(_words(other)) for other in alike))
            told = [word for word in _words(name) if word not in common]
            told = [word for word in told if word not in FILLER] or told
            text = f"{head}<{' '.join(dict.fromkeys(told))}>" if told else head
        text = fit(flattened(text))
        number = 2
        while text in taken:
            mark = f" #{number}"
            text = fit(text.rsplit(" #", 1)[0], LONGEST_NAME - len(mark)) + mark
            number += 1
        taken.add(text)
        short[name] = text
    return short


def _head(name: str) -> str:
    """What all kernels of a family begin with: the base name, or of a long one its first words."""
    base = base_name(name)
    if len(base) <= 40:
        return base or "(no name)"
    head = ""
    for word in base.split("_"):
        if len(head) + len(word) > 28:
            break
        head += f"{'_' if head else ''}{word}"
    return f"{head or base[:28]}…"


def _words(name: str) -> list[str]:
    return [part for word in WORD.findall(name) for part in word.split("_") if part.isalnum()]
