"""Commands that follow from a report: measure and judge again what failed, make what became faster the baseline."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

from common.given import at_store
from common.on_request import modules_of
from regression.report.groups import Place
from regression.text import WIDTH

COMPARE = "--benchmark-compare"
TESTS = "benchmarks/"
# What pytest's -k takes for one word, and a shell too once it is quoted.
WORD = re.compile(r"[\w:+\-./\[\]]+", re.ASCII)
KEYWORDS = {"and", "or", "not"}


REFRESH = "python -m regression baseline refresh"
EVERYTHING = "*"


def refresh(
    faster: Sequence[str],
    known: Collection[str],
    places: Mapping[str, Place],
    options: Sequence[str] = (),
    questions: Collection[str] = (),
    store: str = "",
) -> str:
    """The command that lets newer values of these benchmarks take the place of the baseline's; empty for none.

    A variant of which every known benchmark became faster is named by a pattern. What all benchmarks share, an id that
    is not `known`, stands for all of them. `options` are those that the run was given. The modules of `questions` are
    measured only where they are named. `store` is the one that `--store` named, if it did.
    """
    if not faster:
        return ""
    options = [*(f"{TESTS}{module}" for module in modules_of(set(faster) & set(questions))), *options]
    if not set(faster) <= set(known):
        return " ".join([at_store(f"{REFRESH} {shlex.quote(EVERYTHING)}", store), *_of_pytest(options)])
    of_variant: dict[tuple[str, str], list[str]] = {}
    for id_ in known:
        if id_ in places:
            of_variant.setdefault((places[id_].model, places[id_].variant), []).append(id_)
    patterns: dict[str, str] = {}
    for (model, variant), ids in of_variant.items():
        pattern = f"{model}-{variant}-b*"
        if len(ids) > 1 and {id_ for id_ in known if fnmatchcase(id_, pattern)} == set(ids) <= set(faster):
            patterns |= dict.fromkeys(ids, pattern)
    words = dict.fromkeys(patterns.get(id_, id_) for id_ in faster)
    command = " ".join([REFRESH, *map(shlex.quote, words)])
    return " ".join([at_store(command, store), *_of_pytest(options)])


def _of_pytest(options: Sequence[str]) -> list[str]:
    return ["--", *map(shlex.quote, options)] if options else []


def command(
    benchmarks: Sequence[str],
    known: Collection[str],
    places: Mapping[str, Place],
    compare: str = COMPARE,
    tests: str = TESTS,
    given: Sequence[str] = (),
    questions: Collection[str] = (),
) -> str:
    """The command for these benchmarks; empty for none.

    It names each by `-k`, or where that does not fit on a line, all of their models, variants and batch sizes. Where
    neither can be said, and for what all benchmarks share (an id that is not `known`), it repeats the whole.

    Args:
        known: ids that a run or its baseline has.
        places: where benchmarks of this suite stand in its matrix.
        compare: the option that asks for a verdict.
        tests: what the suite's tests are in; empty for those of another suite.
        given: the options with which the run was measured.
        questions: ids that are no benchmarks; the modules of some are run only where they, or an id, are named.
    """
    if not benchmarks:
        return ""
    pytest = f"pytest {tests}".rstrip()
    as_given = [*map(shlex.quote, given), compare]
    asked = set(benchmarks) & set(questions)
    modules = [f"{tests}{module}" for module in modules_of(asked)] if tests else []
    whole = " ".join(["pytest" if modules and asked == set(benchmarks) else pytest, *modules, *as_given])
    if not set(benchmarks) <= set(known):
        return whole
    # Brackets keep -b1 from being found in -b128.
    words = [f"[{id_}]" if id_ in places else id_ for id_ in benchmarks]
    by_name = f"{pytest} -k {shlex.quote(' or '.join(words))}"
    nameable = all(WORD.fullmatch(word) and word not in KEYWORDS for word in words)
    if nameable and len(f"{by_name} {compare}") <= WIDTH - 10:
        return " ".join([by_name, *as_given])
    at = [places[id_] for id_ in benchmarks if id_ in places]
    options = {
        "--models": list(dict.fromkeys(place.model for place in at)),
        "--variants": list(dict.fromkeys(place.variant for place in at)),
        "--batch-sizes": sorted({str(place.batch_size) for place in at}, key=int),
    }
    if not _are_named(options["--models"], given):
        del options["--models"]
    selected = [f"{option}={','.join(names)}" for option, names in options.items()]
    sayable = all(WORD.fullmatch(name) for names in options.values() for name in names)
    if len(at) == len(benchmarks) and sayable and max(map(len, selected)) <= WIDTH - 10:
        others = [shlex.quote(word) for word in given if word.partition("=")[0] not in options]
        return " ".join([pytest, *selected, *others, compare])
    return whole


def _are_named(models: Sequence[str], given: Sequence[str]) -> bool:
    """Whether `--models` takes these ids of models: those of a folder, a hub or an input size are no names."""
    asked = {name: value for name, _, value in (word.partition("=") for word in given)}
    return "--input-size" not in asked and ("--models" not in asked or set(models) <= set(asked["--models"].split(",")))
