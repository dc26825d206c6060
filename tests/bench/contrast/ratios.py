# SPDX-License-Identifier: Apache-2.0
"""Medians, and ratios between engines that are compared block by block."""
import dataclasses
import random
import statistics
from collections.abc import Sequence

RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 1


@dataclasses.dataclass(frozen=True)
class Spread:
    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values), len(values))


def block_ratios(ours: dict[int, float], theirs: dict[int, float]) -> list[float]:
    """Per block that has both: ours over theirs. Blocks where theirs is 0 have no ratio."""
    return [ours[block] / theirs[block] for block in sorted(ours)
            if theirs.get(block)]


def bootstrap(values: Sequence[float]) -> Spread:
    """The median, and where it lies in 95 % of the samples drawn from the values again. With few
    blocks the interval cannot be wider than the values are: read it together with the count."""
    draw = random.Random(SEED)
    medians = sorted(statistics.median(draw.choices(values, k=len(values)))
                     for _ in range(RESAMPLES))
    tail = int(RESAMPLES * (1 - CONFIDENCE) / 2)
    return Spread(statistics.median(values), medians[tail], medians[-1 - tail], len(values))


def slope(small: tuple[float, float], large: tuple[float, float]) -> float:
    """Of two runs (amount, cost): the cost of one more, without what every run costs."""
    return (large[1] - small[1]) / (large[0] - small[0])
