"""The table of metrics."""

import math

from regression.metrics import METRICS


def test_shares_of_the_error_add_up_to_one_and_those_of_questions_take_little_of_it() -> None:
    assert math.isclose(sum(metric.share for metric in METRICS if not metric.of_questions), 1)
    assert sum(metric.share for metric in METRICS if metric.of_questions) <= 0.1


def test_what_matters_lies_well_below_what_is_claimed_to_be_seen() -> None:
    min_effects = {metric.key: metric.min_effect for metric in METRICS if metric.share and not metric.of_questions}
    assert min_effects == {"kernel_time": 0.0025, "same_kernels": 0.0025, "selection": 0.0025, "latency": 0.05}
