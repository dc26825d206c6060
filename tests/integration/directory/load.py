# SPDX-License-Identifier: Apache-2.0
"""A steady stream of records with few keys, and the check that each was counted exactly once."""
import collections
import threading
import time
import zlib
from collections.abc import Callable

from directory_support import StackTest, wait_until  # First: it makes the other folders known.
from kafka_client import Kafka, Record

KEYS = [b"key-%d" % i for i in range(24)]
PARTITIONS = 4
PAUSE_S = 0.01
BATCH = 3


class Load:
    """Produces to every partition of the topic until it is stopped."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._kafka = Kafka(bootstrap)
        self._topic = topic
        self._ended = threading.Event()
        self._failure: Exception | None = None
        self.sent: collections.Counter = collections.Counter()
        self._by_partition = [[k for k in KEYS if zlib.crc32(k) % PARTITIONS == p]
                              for p in range(PARTITIONS)]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            turn = 0
            while not self._ended.wait(PAUSE_S):
                turn += 1
                for partition, keys in enumerate(self._by_partition):
                    chosen = [keys[(turn + i) % len(keys)] for i in range(BATCH)]
                    now = int(time.time() * 1000)
                    self._kafka.produce(self._topic, partition,
                                        [Record(k, b"x", timestamp_ms=now) for k in chosen])
                    self.sent.update(chosen)
        except Exception as failure:  # Reported by stop(), on the test's own thread.
            self._failure = failure

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self._kafka.close()
        if self._failure:
            raise self._failure


def load_on(test: StackTest, function: str) -> Load:
    """Events for a marked counter until the test ends, once each task works on them."""
    load = Load(test.stack.bootstrap_servers(), f"{function}.in")
    test.addCleanup(load.stop)
    wait_until(lambda: all(test.applied(function, f"{function}.in", PARTITIONS)), "it works")
    return load


def mark_of(record: Record) -> int:
    return int(record.value.split(b":")[0])


def check_counted_once(test: StackTest, function: str, topic: str, out: str,
                       sent: collections.Counter,
                       read: Callable[[str], list[Record]] | None = None) -> None:
    """State and outputs of a marked counter: no record lost or doubled. One that is killed on the
    way may double outputs, unless it delivers exactly once. Those are read with `read`."""
    read = read or test.records.read
    test.wait_all_applied(function, topic)
    totals = {k.encode(): int(v) for k, v in test.states(function, "total", PARTITIONS).items()}
    test.assertEqual(totals, dict(sent))
    wait_until(lambda: len(read(out)) >= sent.total(), f"{out} has all outputs")
    counts: dict[bytes, list[int]] = collections.defaultdict(list)
    for record in read(out):
        counts[record.key].append(int(record.value.split(b":")[1]))
    test.assertEqual(counts, {key: list(range(1, n + 1)) for key, n in sent.items()})


def longest_wait(records: list[Record], new_mark: int, since_ms: int) -> float:
    """Seconds after `since_ms` until the last event that another mark still handled."""
    late = [r.timestamp_ms for r in records if mark_of(r) != new_mark and r.timestamp_ms > since_ms]
    return (max(late, default=since_ms) - since_ms) / 1000
