# SPDX-License-Identifier: Apache-2.0
"""A running engine: one process and the lines that it prints."""
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import machine
from .errors import BenchError

START_S = 120.0
STOP_S = 60.0
POLL_S = 0.005
LOG_TAIL_BYTES = 4000


class Instance:
    """Ends with SIGKILL unless it was stopped before."""

    def __init__(self, command: list[str], log: Path, processors: set[int] | None = None,
                 environment: dict[str, str] | None = None) -> None:
        self.log = log
        self.lines: list[tuple[float, str]] = []  # When each came, monotonic.
        self.started_at = time.monotonic()

        def prepare() -> None:
            if processors:
                os.sched_setaffinity(0, processors)

        with log.open("ab") as errors:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                                             stdout=subprocess.PIPE, stderr=errors,
                                             preexec_fn=prepare,
                                             env=os.environ | (environment or {}))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        """Its own and those of the processes that it has started."""
        return machine.with_children(self.pid)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def require_alive(self) -> None:
        if not self.alive:
            raise BenchError(f"{self._process.args[0]} ended with {self._process.returncode} "
                             f"in the middle of a trial; the end of its log:\n{self.log_tail()}")

    def log_tail(self) -> str:
        return self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

    def wait_line(self, prefix: str, timeout_s: float = START_S) -> tuple[float, str]:
        return self.wait_for(
            lambda: next((line for line in self.lines if line[1].startswith(prefix)), None),
            f"{prefix!r} on its standard output", timeout_s)

    def wait_for(self, found: Callable[[], object], what: str, timeout_s: float = START_S):
        """Polls until `found` gives something; fails at once when the process ends."""
        deadline = time.monotonic() + timeout_s
        while not (value := found()):
            self.require_alive()
            if time.monotonic() > deadline:
                raise BenchError(f"not within {timeout_s:.0f} s: {what}; the end of the log:\n"
                                 f"{self.log_tail()}")
            time.sleep(POLL_S)
        return value

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(STOP_S)

    def stop(self) -> None:
        """By SIGTERM; an engine that does not end then is a failed trial."""
        if not self.alive:
            return self.require_alive()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BenchError(f"{self._process.args[0]} does not stop within {STOP_S:.0f} s; the "
                             f"end of its log:\n{self.log_tail()}") from None

    def wait_end(self, timeout_s: float = START_S) -> int | None:
        """The exit code of one that ends by itself; None: not within the time."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        if self.alive:
            self.kill()
