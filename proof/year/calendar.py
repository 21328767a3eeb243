"""What happens in a year, or in a month, of nights on three GPU models."""

from __future__ import annotations

from dataclasses import dataclass, field

GPUS = {"nvidia-h100": "NVIDIA H100", "nvidia-h200": "NVIDIA H200", "nvidia-l4": "NVIDIA L4"}
H100, H200, L4 = GPUS
EAGER = ("efficientnet_b0-eager-fp16-b1", "efficientnet_b0-eager-fp16-b128")
TENSORRT = ("efficientnet_b0-tensorrt-fp16-b1", "efficientnet_b0-tensorrt-fp16-b128")
RENAMED = tuple(name.replace("tensorrt-fp16", "tensorrt-half") for name in TENSORRT)


@dataclass(frozen=True)
class Change:
    """The kernel time of benchmarks of one GPU changes for good, at once or over several nights.

    Attributes:
        night: the first that differs.
        nights: how many it takes; 1 is a step.
        change: by how much in the end; 0.02 is 2 % more.
        until: the night from which on the judge has nothing to fail for: another change took it back, or a new
            baseline took it in; None where it never fails, since it is for the better.
    """

    gpu: str
    benchmarks: tuple[str, ...]
    night: int
    change: float
    nights: int = 1
    until: int | None = None

    def factor(self, night: int) -> float:
        """What it makes of the kernel time of a night."""
        done = min(max(night - self.night + 1, 0), self.nights) / self.nights
        return float((1 + self.change) ** done)


@dataclass(frozen=True)
class Calendar:
    """Nights are numbers from 0 on.

    Attributes:
        changes: steps and drifts.
        swapped: GPU to the first night of another GPU of its model.
        disturbed, lost: GPU model and night on which the GPU was throttled, and on which the store was away.
        recorded: GPU model and night on which a new baseline takes the place of the old one.
        renamed: the first night on which TENSORRT is called RENAMED.
        refreshed: the night on which the baseline of these benchmarks alone is refreshed.
    """

    nights: int
    changes: tuple[Change, ...]
    disturbed: frozenset[tuple[str, int]]
    lost: frozenset[tuple[str, int]]
    recorded: frozenset[tuple[str, int]]
    renamed: int
    refreshed: int
    swapped: dict[str, int] = field(default_factory=dict)

    def names(self, night: int) -> tuple[str, ...]:
        return (*EAGER, *(RENAMED if night >= self.renamed else TENSORRT))

    def expected_red(self, gpu: str, night: int) -> bool:
        """Whether something that is worse than the baseline may fail this night."""
        return any(
            change.gpu == gpu and change.until is not None and change.night <= night < change.until
            for change in self.changes
        )


YEAR = Calendar(
    nights=365,
    changes=(
        Change(H100, TENSORRT, night=60, change=0.02, until=67),
        Change(H200, TENSORRT[1:], night=100, change=0.03, nights=30, until=150),
        Change(H200, TENSORRT[1:], night=150, change=-0.03),
        Change(H100, EAGER[1:], night=200, change=0.10, nights=20, until=225),
        Change(L4, EAGER[1:], night=250, change=-0.05),
    ),
    swapped={L4: 120},
    disturbed=frozenset(
        {(H100, 20), (H100, 111), (H100, 290), (H200, 33), (H200, 180), (H200, 181), (L4, 45), (L4, 160), (L4, 230)}
        | {(L4, 330)}
    ),
    lost=frozenset({(H100, 62), (H200, 80), (H200, 81), (L4, 121), (L4, 340)}),
    recorded=frozenset({(H100, 67), (H100, 225)}),
    renamed=300,
    refreshed=303,
)

MONTH = Calendar(
    nights=30,
    changes=(
        Change(H100, TENSORRT, night=12, change=0.02, until=19),
        Change(H200, EAGER[1:], night=0, change=0.16, nights=30, until=30),
    ),
    swapped={L4: 15},
    disturbed=frozenset({(H100, 8), (L4, 20)}),
    lost=frozenset({(H100, 13), (H200, 14)}),
    recorded=frozenset({(H100, 19)}),
    renamed=24,
    refreshed=27,
)
