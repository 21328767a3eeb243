"""The options that a judging session and the judging of a stored run share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common import option_types
from regression.judge.patience import DEFAULT_PATIENCE


def add_judging_options(add: Callable[..., Any]) -> None:
    """Add them by `argparse.ArgumentParser.add_argument` or pytest's `OptionGroup.addoption`."""
    add(
        "--judge-min-change",
        action="append",
        default=[],
        metavar="METRIC=CHANGE",
        help="minimum effect of a metric, such as kernel_time=1%%; may be repeated",
    )
    add(
        "--judge-patience",
        type=option_types.count,
        default=DEFAULT_PATIENCE,
        metavar="RUNS",
        help=f"name benchmarks that were UNSURE in this many stored runs in a row (default: {DEFAULT_PATIENCE})",
    )
    add("--report", type=option_types.output_file, metavar="FILE.html", help="write the report as one page, too")
    add(
        "--verdict-json",
        type=option_types.output_file,
        metavar="FILE.json",
        help="write the headline, what failed and the command that repeats it as a small JSON file, too",
    )
