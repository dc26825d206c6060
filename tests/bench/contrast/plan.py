# SPDX-License-Identifier: Apache-2.0
"""Which trials a run has, and in which order: blocks in turn, each shuffled."""
import dataclasses
import random
from collections.abc import Sequence

from .engines import Engine
from .trial import Trial

HOT_KEYS = 1


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much of everything."""
    blocks: int
    records: dict[int, int]      # By size of a record; of drains, the larger of two sizes.
    small_part: int              # The smaller one is this part of it; 1: no second size.
    many_keys_records: int       # Where there are a million keys or more.
    latency_s: int
    latency_warmup_s: int
    loads: tuple[float, ...]
    recovery_keys: tuple[int, ...]
    scale_out_keys: int
    recovery_blocks: int


QUICK = Scale(blocks=1, records={100: 600_000, 1000: 200_000}, small_part=1,
              many_keys_records=1_000_000, latency_s=5, latency_warmup_s=4, loads=(0.5,),
              recovery_keys=(1_000,), scale_out_keys=1_000, recovery_blocks=1)
STANDARD = Scale(blocks=3, records={100: 5_000_000, 1000: 1_000_000}, small_part=4,
                 many_keys_records=8_000_000, latency_s=15, latency_warmup_s=10,
                 loads=(0.25, 0.5, 0.75), recovery_keys=(1_000, 300_000, 3_000_000),
                 scale_out_keys=1_000, recovery_blocks=1)
FULL = dataclasses.replace(STANDARD, blocks=5, recovery_blocks=3)
MANY_KEYS = 1_000_000


def with_changes(scale: Scale, changes: dict[str, object]) -> Scale:
    return dataclasses.replace(scale, **changes)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line."""
    cells: Sequence[str]
    engines: Sequence[Engine]
    keys: Sequence[int]
    bytes: Sequence[int]
    scale: Scale
    records: int | None  # Instead of the scale's.
    seed: int


def drains(wanted: Wanted, cell: str) -> list[list[Trial]]:
    """Per kind of input: blocks in turn, in each the engines in a random order."""
    groups = []
    for size in wanted.bytes:
        for keys in wanted.keys if cell == "aggregate" else wanted.keys[:1]:
            groups.append(_blocks(wanted, cell, keys, size))
    return groups


def _blocks(wanted: Wanted, cell: str, keys: int, size: int) -> list[Trial]:
    scale, trials = wanted.scale, []
    large = records_of(wanted, keys, size)
    sizes = sorted({large // scale.small_part, large})
    for block in range(1, scale.blocks + 1):
        of_block = [Trial(block, cell, "drain", engine.name, keys, size, records)
                    for engine in wanted.engines if cell in engine.cells for records in sizes]
        of_block.append(Trial(block, cell, "bare", "bare consumer", keys, size, large))
        trials += _shuffled(of_block, f"{wanted.seed} {cell} {keys} {size} {block}")
    return trials


def records_of(wanted: Wanted, keys: int, size: int) -> int:
    if wanted.records:
        return wanted.records
    return wanted.scale.many_keys_records if keys >= MANY_KEYS else wanted.scale.records[size]


def latencies(wanted: Wanted, cell: str, keys: int, size: int) -> list[Trial]:
    trials = []
    for block in range(1, wanted.scale.blocks + 1):
        of_block = [Trial(block, cell, "latency", engine.name, keys, size, load=load)
                    for engine in wanted.engines
                    if cell in engine.cells and engine.has_latency
                    for load in wanted.scale.loads]
        trials += _shuffled(of_block, f"{wanted.seed} latency {cell} {keys} {size} {block}")
    return trials


def others(wanted: Wanted, cell: str) -> list[Trial]:
    """Of recovery, scale-out and footprint."""
    scale, trials = wanted.scale, []
    keys_of = {"recovery": scale.recovery_keys, "scale-out": (scale.scale_out_keys,),
               "footprint": (0,)}[cell]
    blocks = scale.blocks if cell == "footprint" else scale.recovery_blocks
    for block in range(1, blocks + 1):
        of_block = [Trial(block, cell, cell, engine.name, keys, wanted.bytes[0])
                    for engine in wanted.engines if cell in engine.cells for keys in keys_of]
        trials += _shuffled(of_block, f"{wanted.seed} {cell} {block}")
    return trials


def _shuffled(trials: list[Trial], seed: str) -> list[Trial]:
    shuffled = list(trials)
    random.Random(seed).shuffle(shuffled)
    return shuffled
