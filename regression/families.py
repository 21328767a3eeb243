"""Entries of the table of metrics that have most in common with others."""

from __future__ import annotations

from typing import Any

from regression import priors
from regression.metric import CALIBRATION, Fails, Kind, Metric

INFERENCES = ("extra_info", "host_work", "inferences")
COUNTED_WITH = ("extra_info", "host_work", "counted_with")
BY_NAME = ("extra_info", "host_work", "by_name")


def of_host_work(key: str, title: str, *alike: tuple[str, ...], **rules: Any) -> Metric:
    """A count of host work, a total over several inferences; `alike`: what has to agree beside their number."""
    return Metric(
        key=key,
        title=title,
        path=("extra_info", "host_work", key),
        per=INFERENCES,
        alike=(INFERENCES, *alike),
        kind=Kind.COUNT,
        judged=True,
        optional=True,
        **rules,
    )


def of_question(key: str, title: str, *path: str, **rules: Any) -> Metric:
    """A metric that entries of `suite.questions` alone have, and by which they are judged."""
    return Metric(key=key, title=title, path=("extra_info", *path), judged=True, of_questions=True, **rules)


def of_first_request(key: str, title: str) -> Metric:
    """A time of a first request, from the question `cold-start`."""
    return of_question(
        key,
        title,
        f"{key}_s",
        unit="s",
        spread=priors.FIRST_REQUEST,
        min_effect=0.25,
        worth_knowing=1.0,
        share=0.02,
        excused_by=CALIBRATION,
    )


def of_process_memory(key: str, title: str, field: str) -> Metric:
    """The largest memory of the process of a first request."""
    return of_question(
        key,
        title,
        field,
        unit="B",
        spread=priors.PROCESS_MEMORY,
        min_effect=0.1,
        worth_knowing=0.25,
        share=0.01,
        optional=True,
    )


def of_growth(side: str, title: str, min_growth: float, *, optional: bool = False) -> Metric:
    """Bytes per 1,000 calls, from the question `memory-growth`: unchanged code has 0."""
    return of_question(
        f"{side}_growth",
        title,
        f"{side}_growth_bytes",
        unit="B",
        kind=Kind.COUNT,
        fails=Fails.MORE,
        min_growth=min_growth,
        optional=optional,
        history_noise=0.0003,
    )


def of_load(in_flight: int) -> tuple[Metric, ...]:
    """What an image costs with so many requests in flight, and how long 99 % of the requests take, from `load`."""
    at = ("in_flight", str(in_flight))
    return (
        of_question(
            f"load_{in_flight}",
            f"time per image, {in_flight} in flight",
            *at,
            "time_per_image_s",
            unit="s",
            spread=priors.SERVED,
            min_effect=0.05,
            worth_knowing=0.25,
            share=0.005,
        ),
        Metric(
            key=f"load_{in_flight}_p99",
            title=f"request p99, {in_flight} in flight",
            unit="s",
            path=("extra_info", *at, "request_p99_s"),
            of_questions=True,
        ),
        Metric(
            key=f"load_{in_flight}_energy",
            title=f"energy per image, {in_flight} in flight",
            unit="J",
            path=("extra_info", *at, "energy_per_image_j"),
            of_questions=True,
        ),
    )
