# SPDX-License-Identifier: Apache-2.0
"""Outputs as a read_committed reader sees them, with how late each was."""
import threading
import time

from .lab import Lab

NANOSECONDS = 1e9
SLACK_S = 0.2  # Less is the noise of the machine.


class Follower:
    """Reads the output of a paced feed; a record's tag is the moment when it was to be sent, on
    the clock of time.monotonic()."""

    def __init__(self, lab: Lab, output: str) -> None:
        self._tool = lab.tool.start("follow", brokers=lab.kafka, topic=output,
                                    cell="aggregate")
        self._seen: list[tuple[float, float]] = []  # When, and the newest tag by then, in seconds.
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._tool.lines():
            words = line.split()
            if len(words) == 3:
                self._seen.append((int(words[0]) / NANOSECONDS, int(words[2]) / NANOSECONDS))

    def close(self) -> None:
        self._tool.end()

    def first_of_after(self, moment: float) -> float | None:
        """When the first record that was to be sent after the moment could be read."""
        return next((at for at, tag in list(self._seen) if tag > moment), None)

    def delay_before(self, moment: float, seconds: float) -> float:
        """The longest that readers were behind the schedule, in the seconds before the moment."""
        return self.longest_delay(moment - seconds, moment)

    def longest_delay(self, since: float, until: float) -> float:
        longest, newest = 0.0, None
        for at, tag in list(self._seen):
            if newest is not None and since <= at <= until:
                longest = max(longest, at - newest)
            newest = tag
        return longest

    def caught_up_after(self, moment: float, delay_s: float) -> float | None:
        """When readers were no further behind than that, with something newer than the moment."""
        return next((at for at, tag in list(self._seen)
                     if tag > moment and at - tag <= delay_s + SLACK_S), None)

    def last_late(self, since: float, delay_s: float) -> float | None:
        """The last time after `since` that readers were further behind."""
        late, newest = None, None
        for at, tag in list(self._seen):
            if newest is not None and at > since and at - newest > delay_s + SLACK_S:
                late = at
            newest = tag
        return late


def wait_for(found, timeout_s: float, running) -> float | None:
    """Polls; None when it has not come in time."""
    deadline = time.monotonic() + timeout_s
    while (value := found()) is None:
        running.require_alive()
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)
    return value
