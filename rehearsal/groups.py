"""Which packages that differ can be swapped apart: groups that their pins keep together, and what each group needs.

Pins are the requirements that the installed versions of both sides state (`Requires-Dist`). If the new version of a
package does not accept the old version of another, the other has to be new as well; if the old version of a package
does not accept the new version of another, the package has to be new where the other is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.markers import InvalidMarker, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from rehearsal.protocol import NEW, OLD, SIDES

LEFT_ALONE = frozenset({"pip", "uv", "wheel"})
"""What installs packages is no part of an inference."""


@dataclass(frozen=True)
class Distribution:
    """An installed package.

    Attributes:
        requires: its requirements, as its metadata states them.
        source: what installs the same again: `name==version`, or where else it came from.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    source: str = ""

    @property
    def requirement(self) -> str:
        return self.source or f"{self.name}=={self.version}"


Installed = Mapping[str, Distribution]
"""The packages of a side by their normalised names."""


@dataclass(frozen=True)
class Groups:
    """The packages that differ, as they can be swapped.

    Attributes:
        names: of each group; a group that another needs comes before it.
        needs: of each group those that have to be new where it is.
        pins: of each group of several a requirement that keeps it together.
    """

    names: tuple[tuple[str, ...], ...]
    needs: tuple[frozenset[int], ...]
    pins: tuple[str, ...]


def groups(old: Installed, new: Installed, python: str) -> Groups:
    """The groups of what differs between two sides.

    Args:
        python: the version of the interpreter that will run them, such as 3.11.7, for the requirements' markers.
    """
    sides = {OLD: old, NEW: new}
    changed = differing(old, new)
    reasons: dict[tuple[str, str], str] = {}
    for side in SIDES:
        for name, distribution in sides[side].items():
            for requirement in _requirements(distribution, python):
                other = canonicalize_name(requirement.name)
                if other not in changed or other == name:
                    continue
                accepted = {one for one in SIDES if _is_met(requirement, sides[one].get(other))}
                if accepted != {side} or name not in changed:  # a side that breaks its own pins runs all the same
                    continue
                pair = (name, other) if side == NEW else (other, name)
                reasons.setdefault(pair, f"{name} {distribution.version} requires {other}{requirement.specifier}")
    reach = {name: _reached(name, reasons) for name in changed}
    components: dict[frozenset[str], None] = {}
    for name in changed:
        components.setdefault(frozenset({name, *(one for one in reach[name] if name in reach[one])}))
    # What a group needs reaches less than it does.
    order = sorted(components, key=lambda some: (len(reach[min(some)] | some), min(some)))
    place = {name: number for number, some in enumerate(order) for name in some}
    return Groups(
        names=tuple(tuple(sorted(some)) for some in order),
        needs=tuple(
            frozenset(place[name] for name in reach[min(some)]) - {number} for number, some in enumerate(order)
        ),
        pins=tuple(
            next((why for pair, why in reasons.items() if some.issuperset(pair)), "") if len(some) > 1 else ""
            for some in order
        ),
    )


def differing(old: Installed, new: Installed) -> list[str]:
    """The names of the packages that differ in version or source, or that only one side has."""
    names = sorted({*old, *new} - LEFT_ALONE)
    return [name for name in names if _what(old.get(name)) != _what(new.get(name))]


def mixed(old: Installed, new: Installed, taken: Iterable[str]) -> list[Distribution]:
    """The packages of an environment that has the new side's versions of the taken ones, and else the old side's."""
    changed = set(taken)
    names = sorted({*old, *new} - LEFT_ALONE)
    found = [(new if name in changed else old).get(name) for name in names]
    return [one for one in found if one is not None]


def read(document: Mapping[str, Any]) -> dict[str, Distribution]:
    """The packages that a probe printed."""
    return {
        canonicalize_name(one["name"]): Distribution(
            canonicalize_name(one["name"]), one["version"], tuple(one["requires"]), _source(one)
        )
        for one in document["distributions"]
    }


def _source(one: Mapping[str, Any]) -> str:
    """Where a package that is from no index came from (PEP 610)."""
    direct = one["direct_url"]
    if not direct:
        return ""
    url = str(direct["url"])
    if direct.get("dir_info", {}).get("editable"):
        return f"-e {url}"
    if version_control := direct.get("vcs_info"):
        url = f"{version_control['vcs']}+{url}@{version_control['commit_id']}"
    return f"{one['name']} @ {url}"


def _what(one: Distribution | None) -> tuple[str, str] | None:
    return (one.version, one.source) if one else None


def _requirements(distribution: Distribution, python: str) -> Iterable[Requirement]:
    environment = {"extra": "", "python_full_version": python, "python_version": ".".join(python.split(".")[:2])}
    for text in distribution.requires:
        try:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(environment):
                yield requirement
        except (InvalidRequirement, InvalidMarker, UndefinedEnvironmentName):
            continue


def _is_met(requirement: Requirement, distribution: Distribution | None) -> bool:
    if distribution is None:
        return False
    try:
        return requirement.specifier.contains(Version(distribution.version), prereleases=True)
    except InvalidVersion:
        return True


def _reached(name: str, pairs: Iterable[Sequence[str]]) -> frozenset[str]:
    """What follows from a package, itself left out unless it follows from another."""
    after: dict[str, list[str]] = {}
    for one, other in pairs:
        after.setdefault(one, []).append(other)
    found: set[str] = set()
    left = [name]
    while left:
        for other in after.get(left.pop(), ()):
            if other not in found:
                found.add(other)
                left.append(other)
    return frozenset(found)
