# SPDX-License-Identifier: Apache-2.0
"""What benchmarks of whole hosts share: services of their own, and rows of times."""
import contextlib
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/integration/directory"), str(ROOT / "tests/integration/host"),
                str(ROOT / "tests/tools")]


@contextlib.contextmanager
def real_services(millrace: Path) -> Iterator[tuple]:
    """A Kafka and a Redis, and a folder, both gone afterwards; hosts run that program."""
    os.environ.update(MILLRACE=str(millrace))
    from support import Stack
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as name:
        stack = Stack(Path(name) / "stack")
        stack.up()
        try:
            yield stack, Path(name)
        finally:
            stack.down()


def row(values_ms: list[float], count: str) -> dict[str, float]:
    """`count`: what to call their number."""
    ordered = sorted(values_ms)
    return {"median_ms": round(statistics.median(ordered), 2),
            "p99_ms": round(ordered[math.ceil(0.99 * len(ordered)) - 1], 2),
            "max_ms": round(ordered[-1], 2), count: len(ordered)}
