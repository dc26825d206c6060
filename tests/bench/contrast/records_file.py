# SPDX-License-Identifier: Apache-2.0
"""Every trial as rows of CSV, written as soon as it is there: an interrupted run keeps them."""
import csv
import dataclasses
from pathlib import Path

from .trial import Result, Trial

KEY = [field.name for field in dataclasses.fields(Trial)]
COLUMNS = ["started", *KEY, "spin_s", "steal_s", "figure", "value"]


class RecordsFile:
    """One row per figure: cells have different figures, and rows are easy to filter."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(COLUMNS)

    def add(self, result: Result) -> None:
        key = [getattr(result.trial, name) for name in KEY]
        for figure, value in result.figures.items():
            self._rows.writerow([result.started, *key, f"{result.spin_s:.4f}",
                                 f"{result.steal_s:.2f}", figure, f"{value:.6g}"])
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def load(path: Path) -> list[Result]:
    """What a file holds, for a report made again."""
    results: dict[tuple, Result] = {}
    types = {field.name: field.type for field in dataclasses.fields(Trial)}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            key = {name: types[name](row[name]) for name in KEY}
            trial = Trial(**key)
            result = results.setdefault((row["started"], trial), Result(
                trial, {}, float(row["spin_s"]), float(row["steal_s"]), row["started"]))
            result.figures[row["figure"]] = float(row["value"])
    return list(results.values())
