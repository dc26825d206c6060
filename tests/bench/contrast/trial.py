# SPDX-License-Identifier: Apache-2.0
"""What is measured: one trial and the figures that it gave."""
import dataclasses

CELLS = ("aggregate", "pass-through", "recovery", "scale-out", "footprint")


@dataclasses.dataclass(frozen=True)
class Trial:
    block: int     # Trials of one block are compared with each other.
    cell: str      # One of CELLS.
    measure: str   # "drain", "latency", "bare" or, where a cell has one measure, the cell's name.
    engine: str
    keys: int = 0  # 1: one hot key.
    bytes: int = 100
    records: int = 0
    load: float = 0.0  # Of latency: the part of the slower engine's rate.
    disk: str = ""     # Of recovery: "kept" or "lost".

    def title(self) -> str:
        parts = [self.cell, self.measure if self.measure != self.cell else "", self.engine]
        if self.keys:
            parts.append(f"{self.keys:,} keys")
        if self.records:
            parts.append(f"{self.records:,} records of {self.bytes} B")
        if self.load:
            parts.append(f"{self.load:.0%} load")
        if self.disk:
            parts.append(f"disk {self.disk}")
        return ", ".join(part for part in parts if part)

    def group(self) -> tuple:
        """What is alike but for block and engine: the trials whose figures may be compared."""
        return (self.cell, self.measure, self.keys, self.bytes, self.records, self.load, self.disk)


@dataclasses.dataclass(frozen=True)
class Failure:
    """A trial without figures: the engine was wrong, late or gone."""
    trial: Trial
    reason: str


@dataclasses.dataclass
class Result:
    trial: Trial
    figures: dict[str, float]
    spin_s: float = 0.0   # The probe before the trial.
    steal_s: float = 0.0  # During it.
    started: str = ""     # Wall clock, ISO 8601.
