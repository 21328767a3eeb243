"""What is fastest: every variant of a model at every batch size, from stored runs of one GPU model, as Markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common import option_types, output
from proof.fastest.merged import COLOURS, merge, without
from proof.fastest.tables import rows, text
from proof.score.stored import is_unchanged, read_and_tell
from regression.report import figures
from regression.runs.run import LeftOut

PROG = "python -m proof.fastest"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; exit status 2 where no run has a latency, or there is no plot.

    What may not be compared with the first run, as one of another GPU model, is left out and named; so is what was
    slowed down on purpose.
    """
    parser = argparse.ArgumentParser(prog=PROG, description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="stored runs, folders and packed sessions of them")
    parser.add_argument("--model", metavar="NAME", help="this model alone")
    parser.add_argument(
        "--best", type=option_types.count, metavar="N", help="the N fastest variants of each batch size, and eager FP32"
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out benchmarks of such ids; may be repeated",
    )
    parser.add_argument(
        "--plot", type=option_types.output_file, metavar="FILE.svg", help="also draw latency against throughput"
    )
    options = parser.parse_args(argv)
    runs = read_and_tell(options.runs)
    for run in (run for run in runs if not is_unchanged(run)):
        print(f"left out: {LeftOut(run.path, 'was slowed down on purpose.')}", file=sys.stderr)
    merged = merge([without(run, options.without) for run in runs if is_unchanged(run)])
    models = [name for name in merged.models if options.model in (None, name)]
    try:
        if not rows(merged):
            raise ValueError("no stored run here has a latency")
        if not models:
            raise ValueError(f"no stored run here has the model {options.model}; they have {', '.join(merged.models)}")
        if options.plot and len(models) > 1:
            raise ValueError(f"a plot shows one model; choose one of {', '.join(models)} with --model")
        if options.plot:
            output.write(options.plot, figures.served_file(models[0], merged.served(models[0]), COLOURS))
    except ValueError as error:
        print(f"{PROG}: {error}", file=sys.stderr)
        return 2
    print(*text(merged, models, options.best), sep="\n")
    return 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
