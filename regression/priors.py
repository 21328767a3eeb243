"""The prior spreads of the metrics; docs/method.md gives the basis of each."""

from __future__ import annotations

import dataclasses

from regression.spread import Shared, Spread

KERNEL_TIME = Spread(
    process=0.0006,
    process_df=8,
    choice_s=52e-9,
    unseen=0.02,
    day=0.0003,
    gpu=0.002,
    engine=0.01,
    loading=0.01,
)
SAME_KERNELS = dataclasses.replace(KERNEL_TIME, choice_s=5e-9, choice_in_place_s=6e-9, unseen=0.01)
SELECTION = Spread(process=0.0006, process_df=8, choice_s=52e-9, unseen=0.02, day=0.0003, gpu=0.003)


def _offset(besides: Spread) -> Shared:
    """Twelve H200s differ by 0.1 to 0.4 % in what benchmarks share at batch 128; PyTorch's kernels by 0.1 % besides.

    At batch 1 they differ by 0.5 % in what engines share, and by 0.5 % besides.
    """
    return Shared(
        shift=Spread(process=0.0003, process_df=8, unseen=0.02, day=0.0003, gpu=0.005),
        besides=dataclasses.replace(besides, gpu=0.0015, engine=0.006),
        worth_knowing=0.05,
        fewest_variants=2,
        of_the_gpu=True,
    )


KERNEL_TIME_OFFSET, SAME_KERNELS_OFFSET = _offset(KERNEL_TIME), _offset(SAME_KERNELS)

LATENCY = Spread(
    process=0.003,
    process_df=3,
    rounds=3,
    unseen=0.05,
    day=0.003,
    visits=0.02,
    visits_day=0.01,
    gpu=0.003,
    host=0.1,
)
HOST_BOUND_LATENCY = Shared(
    shift=Spread(process=0.02, process_df=8, unseen=0.05, day=0.02, gpu=0.1),
    besides=Spread(process=0.015, process_df=8, unseen=0.05, day=0.01, gpu=0.03),
    worth_knowing=0.5,
    fewest_variants=3,
)

# The root of the mean square over 24 benchmarks of H200s is 4.5 %; which kernels were selected moves an error most.
ERROR = Spread(process=0.05, process_df=8, unseen=0.12, day=0.01, gpu=0.01)

# Five processes of each of three variants on an H200 strayed by 4 to 5 % where the host kept its pace, by 11 to 19 %
# where two of them met a host that was 1.5 times slower, which the calibration excuses.
FIRST_REQUEST = Spread(process=0.08, process_df=8, unseen=0.3, day=0.03, gpu=0.03)
# The same processes: 0.02 to 0.3 % of host memory, and none of GPU memory, which is equal to the MiB.
PROCESS_MEMORY = Spread(process=0.01, process_df=8, unseen=0.05, day=0.005, gpu=0.01)
SERVED = Spread(process=0.02, process_df=3, unseen=0.1, day=0.01, gpu=0.01)
