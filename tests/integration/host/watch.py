# SPDX-License-Identifier: Apache-2.0
"""Samples, while a test runs, what must hold at every moment."""
import threading
import time
from collections.abc import Callable

from support import HostTest, StackError

INTERVAL_S = 0.1


class ProgressWatch:
    """The group's offsets never exceed `applied`, and neither ever goes back."""

    def __init__(self, committed: Callable[[], list[int]], applied: Callable[[], list[int]]) -> None:
        self._committed = committed
        self._applied = applied
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples = 0
        self.violations: list[str] = []
        self._last = ([0], [0])
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            try:
                self._sample()
            except (OSError, StackError) as error:
                self.violations.append(f"no sample: {error}")
                return

    def _sample(self) -> None:
        committed = self._committed()  # First: `applied` only grows meanwhile.
        applied = self._applied()
        self.samples += 1
        for p, (offset, limit) in enumerate(zip(committed, applied, strict=True)):
            if offset > limit:
                self._report(f"partition {p}: committed {offset} > applied {limit}")
        for name, now, last in zip(("committed", "applied"), (committed, applied), self._last,
                                   strict=True):
            if any(a < b for a, b in zip(now, last, strict=False)):
                self._report(f"{name} went back from {last} to {now}")
        self._last = (committed, applied)

    def _report(self, text: str) -> None:
        self.violations.append(f"{time.strftime('%X')} {text}")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def check(self, test: HostTest) -> None:
        test.assertEqual(self.violations[:10], [])
        test.assertGreater(self.samples, 20)
