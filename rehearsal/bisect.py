"""Finds the package to blame: rehearses the old side against environments that have some of the new packages."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from common.errors import UsageError
from rehearsal import groups
from rehearsal.bisection import Answer, most_asked, search
from rehearsal.environments import Environments, installed
from rehearsal.followed import LEAST_PAIRS, Followed, Seen, follow
from rehearsal.installer import NotMade
from rehearsal.judge import Judged
from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.record import Record
from rehearsal.sequential import MOST_PAIRS
from rehearsal.session import Progress, Rehearsal, TooShort
from rehearsal.side import Place, SideEnded, UnusableSide
from rehearsal.steps import INTERRUPTED, Bisection, Step

NOTHING = "Nothing is searched for: no benchmark is slower, faster, changed or missing."


class Bisect:
    """A search under way.

    Args:
        places: both sides; they differ in their interpreters alone.
        step_s: a rehearsal takes at most so many seconds.

    Raises:
        UsageError: there is nothing to swap, or more than packages differs.
    """

    def __init__(
        self,
        places: Mapping[str, Place],
        environments: Environments,
        *,
        step_s: float,
        build_timeout_s: float,
        turn_timeout_s: float,
        progress: Progress,
    ) -> None:
        old, new = (places[side] for side in SIDES)
        if old.checkout.resolve() != new.checkout.resolve() or old.arguments != new.arguments:
            raise UsageError(
                "--bisect tells packages apart, and the sides differ in checkout or options as well; rehearse these "
                "first with one interpreter, then --bisect with one checkout and the same options"
            )
        self._places, self._environments = places, environments
        self._build_timeout_s, self._turn_timeout_s = build_timeout_s, turn_timeout_s
        self._progress = progress
        version, self._old = installed(old.python)
        _, self._new = installed(new.python)
        self._groups = groups.groups(self._old, self._new, version)
        if not self._groups.names:
            raise UsageError(
                f"--bisect has nothing to swap: {old.python} and {new.python} have the same packages in the same "
                "versions"
            )
        self.said = Bisection(
            groups=[list(names) for names in self._groups.names],
            pins=list(self._groups.pins),
            versions={
                name: [getattr(some.get(name), "version", None) for some in (self._old, self._new)]
                for names in self._groups.names
                for name in names
            },
            installer=environments.installer,
            step_s=step_s,
        )

    def run(self, record: Record, judged: Judged) -> None:
        """Search for what a rehearsal found; whatever ends the search early is said in `said`."""
        followed = follow(judged, most_asked(len(self._groups.names), 2))
        if followed is None:
            self.said.ended = NOTHING
            return
        about = followed.row.judgement
        self.said.followed = {
            "benchmark": about.benchmark,
            "metric": about.metric,
            "verdict": str(about.verdict),
            "ratio": about.ratio,
        }
        parts = record.sides[OLD]["benchmarks"].get(about.benchmark)
        parts = parts or record.sides[NEW]["benchmarks"][about.benchmark]
        only = tuple(
            f"--{option}={parts[part]}"
            for option, part in (("models", "model"), ("variants", "variant"), ("batch-sizes", "batch_size"))
        )
        try:
            found = search(self._groups.needs, lambda some: self._try(followed, only, some))
        except KeyboardInterrupt:
            self.said.ended = INTERRUPTED
            return
        except UsageError as error:
            self.said.ended = f"The search ended early: {error}."
            return
        self.said.blamed = [list(block) for block in found.blamed]
        self.said.needed = list(found.needed)
        if not found.is_found:
            self.said.ended = self._not_found(record)

    def _not_found(self, record: Record) -> str:
        first = self.said.steps[0]
        if first.answer == Answer.UNTRIED:
            return f"The search cannot begin: with the new versions of all packages, {first.why}."
        pythons = {str(record.sides[side]["python"]) for side in SIDES}
        other = f"Python ({' and '.join(sorted(pythons))})" if len(pythons) > 1 else "what is installed but no package"
        return (
            "No package is to blame: an environment with the new versions of all of them does not show the change. It "
            f"was noise, or comes from {other}."
        )

    def _try(self, followed: Followed, only: tuple[str, ...], some: frozenset[int]) -> Answer:
        began = time.monotonic()
        seen = self._seen(followed, only, some)
        answer = seen.answer or Answer.UNTRIED
        why = seen.why if seen.answer else "nothing of it could be measured"
        took_s = round(time.monotonic() - began, 1)
        self.said.steps.append(Step(sorted(some), str(answer), seen.ratio, why, seen.is_sure, took_s))
        return answer

    def _seen(self, followed: Followed, only: tuple[str, ...], some: frozenset[int]) -> Seen:
        show = self._shown(most_asked(len(self._groups.names)))
        names = [name for group in some for name in self._groups.names[group]]
        show(f"making an environment with {len(names)} new packages", 0.0)
        try:
            python = self._environments.make(groups.mixed(self._old, self._new, names))
        except NotMade as error:
            return Seen(Answer.UNTRIED, True, why=f"its environment cannot be made: {error}")
        places = {side: replace(place, arguments=(*place.arguments, *only)) for side, place in self._places.items()}
        places[NEW] = replace(places[NEW], python=python)
        rehearsal = Rehearsal(
            places,
            self.said.step_s,
            least_pairs=LEAST_PAIRS if followed.is_continuous else 1,
            most_pairs=MOST_PAIRS if followed.is_continuous else 1,
            counted=0 if followed.is_continuous else 1,
            build_timeout_s=self._build_timeout_s,
            turn_timeout_s=self._turn_timeout_s,
            settled=followed.settled,
            progress=show,
        )
        ended = False
        try:
            record = rehearsal.describe()
            rehearsal.run(record)
            ended = True
        except TooShort:
            raise
        except (SideEnded, UnusableSide) as error:
            return Seen(Answer.UNTRIED, True, why=str(error))
        finally:
            rehearsal.end(at_once=not ended)
        return followed.seen(record)

    def _shown(self, most: int) -> Callable[[str, float], None]:
        number = len(self.said.steps)

        def show(text: str, share: float) -> None:
            about = f"search {number + 1} of {max(most, number + 1)} at most"
            self._progress(f"{about}, {text}", min(1.0, (number + share) / max(most, number + 1)))

        return show
