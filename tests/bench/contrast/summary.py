# SPDX-License-Identifier: Apache-2.0
"""What a report says: medians per engine, ratios to millrace, and whether a peer is plausible."""
import dataclasses
from collections.abc import Iterable

from .ratios import Spread, block_ratios, bootstrap, slope, spread
from .trial import Result, Trial

# figure -> (what it is, unit, whether more is better)
FIGURES = {
    "records_per_s": ("records/s", "", True),
    "cpu_s_per_million": ("CPU-s per million, engine + store", "s", False),
    "cpu_s_per_million_engine": ("of it engine", "s", False),
    "cpu_s_per_million_store": ("of it store", "s", False),
    "cpu_s_per_million_broker": ("CPU-s per million, broker", "s", False),
    "cpu_s_per_million_machine": ("CPU-s per million, whole machine", "s", False),
    "slope_records_per_s": ("records/s without start-up", "", True),
    "slope_cpu_s_per_million": ("CPU-s per million without start-up", "s", False),
    "start_s": ("start until the first output", "s", False),
    "peak_mb": ("peak memory, engine + store", "MB", False),
    "peak_mb_engine": ("of it engine", "MB", False),
    "peak_mb_store": ("of it store", "MB", False),
    "written_mb_engine": ("written by the engine", "MB", False),
    "written_mb_store": ("written by the store", "MB", False),
    "written_mb_broker": ("written by the broker", "MB", False),
    "latency_ms_p50": ("p50", "ms", False),
    "latency_ms_p95": ("p95", "ms", False),
    "latency_ms_p99": ("p99", "ms", False),
    "latency_ms_p99_9": ("p99.9", "ms", False),
    "latency_ms_max": ("max", "ms", False),
    "kept_first_output_s": ("disk kept: killed until the first output", "s", False),
    "kept_caught_up_s": ("disk kept: killed until caught up", "s", False),
    "lost_first_output_s": ("disk lost: killed until the first output", "s", False),
    "lost_beyond_s": ("disk lost: first output beyond failure detection", "s", False),
    "lost_caught_up_s": ("disk lost: killed until caught up", "s", False),
    "detection_s": ("failure detection, of all of these", "s", False),
    "outputs_repeated": ("outputs repeated", "", False),
    "first_record_s": ("second instance: its first record", "s", False),
    "settled_s": ("second instance: until no output was late any more", "s", False),
    "longest_delay_s": ("longest delay of an output", "s", False),
    "idle_mb": ("resident memory, idle", "MB", False),
    "idle_mb_store": ("the store's, idle", "MB", False),
    "idle_cpu_percent": ("CPU, idle", "%", False),
    "batches_records_per_s": ("bare consumer, in batches, records/s", "", True),
    "poll_records_per_s": ("bare consumer, record by record, records/s", "", True),
}
# What is compared with ratios, and turned so that more than 1 is good for millrace.
COMPARED = ("records_per_s", "cpu_s_per_million", "peak_mb", "latency_ms_p50", "latency_ms_p99",
            "lost_first_output_s", "lost_beyond_s", "kept_first_output_s", "settled_s", "start_s",
            "idle_mb")

# What the peers reached before on two cores, with Kafka Streams 4.1 and Flink 2.0 and their settings
# tuned: records/s as a part of a bare consumer's in batches, and CPU-seconds per million. The bare
# consumer gains from a newer broker and client more than an engine can, so a peer that needs no
# more CPU than it did is at its best, whatever part of it that is.
PLAUSIBLE = {("kafka-streams", False): (0.042, 13.0), ("flink-heap", False): (0.23, 4.8),
             ("flink-rocksdb", False): (0.11, 8.1), ("kafka-streams", True): (0.055, 12.9),
             ("flink-heap", True): (0.113, 8.3), ("flink-rocksdb", True): (0.036, 23.7)}
MANY_KEYS = 1_000_000


@dataclasses.dataclass(frozen=True)
class Group:
    """Trials that differ by engine and block alone."""
    trial: Trial  # One of them.
    engines: dict[str, dict[int, dict[str, float]]]  # Engine -> block -> figures.

    def title(self) -> str:
        return dataclasses.replace(self.trial, engine="").title()

    def values(self, engine: str, figure: str) -> dict[int, float]:
        return {block: figures[figure] for block, figures in self.engines[engine].items()
                if figure in figures}

    def spread(self, engine: str, figure: str) -> Spread | None:
        values = list(self.values(engine, figure).values())
        return spread(values) if values else None

    def figures(self) -> list[str]:
        present = {name for blocks in self.engines.values() for figures in blocks.values()
                   for name in figures}
        return [name for name in FIGURES if name in present]

    def ratio(self, ours: str, theirs: str, figure: str) -> Spread | None:
        """Above 1: ours is that many times better."""
        a, b = self.values(ours, figure), self.values(theirs, figure)
        better_is_more = FIGURES[figure][2]
        ratios = block_ratios(a, b) if better_is_more else block_ratios(b, a)
        return bootstrap(ratios) if ratios else None


def groups(results: Iterable[Result]) -> list[Group]:
    found: dict[tuple, Group] = {}
    for result in results:
        group = found.setdefault(result.trial.group(), Group(result.trial, {}))
        figures = dict(result.figures)
        if "lost_first_output_s" in figures:
            figures["lost_beyond_s"] = figures["lost_first_output_s"] - figures["detection_s"]
        group.engines.setdefault(result.trial.engine, {})[result.trial.block] = figures
    ordered = list(found.values())
    for group in ordered:
        _add_slopes(group, ordered)
    return ordered


def _add_slopes(large: Group, all_groups: list[Group]) -> None:
    """Where the same was drained in a smaller size, too."""
    if large.trial.measure != "drain":
        return
    small = next((g for g in all_groups if g.trial.records < large.trial.records and
                  g.trial.group()[:4] == large.trial.group()[:4]), None)
    if small is None:
        return
    for engine, blocks in large.engines.items():
        for block, figures in blocks.items():
            before = small.engines.get(engine, {}).get(block)
            if before is None:
                continue
            sizes = small.trial.records, large.trial.records
            seconds = slope((sizes[0], before["total_s"]), (sizes[1], figures["total_s"]))
            cpu = slope((sizes[0], before["total_cpu_s"]), (sizes[1], figures["total_cpu_s"]))
            if seconds > 0:
                figures["slope_records_per_s"] = 1 / seconds
            figures["slope_cpu_s_per_million"] = cpu * 1e6


@dataclasses.dataclass(frozen=True)
class Plausibility:
    engine: str
    title: str
    share: float  # Of what the bare consumer of the same block reaches.
    share_before: float
    cpu_s_per_million: float
    cpu_s_before: float

    @property
    def is_plausible(self) -> bool:
        return self.share >= self.share_before or self.cpu_s_per_million <= self.cpu_s_before


def plausibilities(found: list[Group]) -> list[Plausibility]:
    """Peers of the aggregate of 100 bytes, in the largest size."""
    rows = []
    for group in found:
        bare = next((g for g in found if g.trial.measure == "bare" and
                     g.trial.group()[2:] == group.trial.group()[2:]), None)
        drained = group.trial.cell == "aggregate" and group.trial.measure == "drain"
        if bare is None or not drained or group.trial.bytes != 100:
            continue
        for engine in group.engines:
            before = PLAUSIBLE.get((engine, group.trial.keys >= MANY_KEYS))
            ratios = block_ratios(group.values(engine, "records_per_s"),
                                  bare.values("bare consumer", "batches_records_per_s"))
            cpu = group.spread(engine, "cpu_s_per_million")
            if before and ratios and cpu:
                rows.append(Plausibility(engine, group.title(), spread(ratios).median, before[0],
                                         cpu.median, before[1]))
    return rows
