#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a task stands still when its host dies, stops, joins, leaves or is restarted.

    tests/bench/takeover.py [--build build/release] [--rounds 5] [--keys 1000,3000000] [--json FILE]

Starts a Kafka and a Redis of its own and two hosts, feeds both evenly, and reads the outputs as
they become visible to a read_committed reader. A pause is the time from the event until the first
output of one of the tasks concerned; of joining and leaving it is the longest gap of any task.
"""
import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/integration/host"), str(ROOT / "tests/tools")]

PARTITIONS = 4
FEED_EVERY_S, FEED_CHUNK = 0.01, 20  # 2,000 events a second.
HOT_KEYS = 1000
SETTLE_S = 1.0
BEFORE_TAKE_OVER_S = 0.3  # What arrives until then was published by the host that died.
PAUSE_MAX_S = 30.0
TXN_OFFSETS = 28          # API key of Kafka's protocol
PRELOAD_S = 600


def set_programs(build: Path) -> None:
    os.environ.update(
        MILLRACE=str(build / "bin/millrace"), MILLRACE_FUNCTIONS=str(build / "functions"),
        MILLRACE_LIBRARIES=str(build / "tests/libraries"),
        KAFKA_FEED=str(build / "bin/kafka_feed"), KAFKA_DUMP=str(build / "bin/kafka_dump"),
        DELAY_PROXY=str(build / "bin/delay_proxy"), FAILPOINTS=str(build / "tests/faults/failpoints.so"))


class Tail:
    """When outputs became visible, per partition."""

    def __init__(self, brokers: str, topic: str) -> None:
        self._process = subprocess.Popen(
            [os.environ["KAFKA_DUMP"], "--brokers", brokers, "--topic", topic, "--follow"],
            stdout=subprocess.PIPE)
        self.seen: list[tuple[float, int]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            at = line.index(b":") + 1
            self.seen.append((time.monotonic(), int(line[at:line.index(b",", at)])))

    def first_after(self, since: float, partitions: list[int]) -> float | None:
        return next((at for at, partition in reversed_until(self.seen, since)
                     if partition in partitions), None)

    def longest_gap(self, since: float, until: float, partition: int) -> float:
        times = [at for at, found in self.seen if found == partition and since <= at <= until]
        return max(b - a for a, b in itertools.pairwise([since, *times, until]))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def reversed_until(seen: list[tuple[float, int]], since: float) -> list[tuple[float, int]]:
    """What came later than that, in order."""
    at = len(seen)
    while at > 0 and seen[at - 1][0] > since:
        at -= 1
    return seen[at:]


class Load(threading.Thread):
    """Feeds evenly until it is told to stop."""

    def __init__(self, feed) -> None:
        super().__init__(daemon=True)
        self._feed, self._going = feed, True

    def run(self) -> None:
        numbers = itertools.count()
        while self._going:
            began = time.monotonic()
            self._feed.send([(f"key {next(numbers) % HOT_KEYS}", "x") for _ in range(FEED_CHUNK)])
            time.sleep(max(0.0, FEED_EVERY_S - (time.monotonic() - began)))

    def stop(self) -> None:
        self._going = False
        self.join()


class Bench:
    def __init__(self, arguments: argparse.Namespace) -> None:
        import support
        self.support, self.arguments = support, arguments
        self.folder = tempfile.TemporaryDirectory(prefix="millrace-takeover-")
        self.stack = support.Stack(Path(self.folder.name) / "stack")
        self.stack.up()
        self.names = itertools.count()
        self.results: dict[str, list[float]] = {}

    def close(self) -> None:
        self.stack.down()
        self.folder.cleanup()

    def host(self, run: str, name: str, delivery: str):
        return self.support.Host(Path(self.folder.name) / f"{run}-{name}", {
            "host": {}, "redis": {"url": self.stack.redis_url()},
            "kafka": {"bootstrap.servers": self.stack.bootstrap_servers(),
                      "session.timeout.ms": self.support.SESSION_MS,
                      "heartbeat.interval.ms": self.support.HEARTBEAT_MS,
                      "plugin.library.paths": os.environ["FAILPOINTS"]},
            "functions": {run: {"library": self.support.tests_library("counts"),
                                "delivery": delivery, "commit_interval": "100ms",
                                "triggers": [{"kafka": {"topics": [f"{run}.in"]}}],
                                "outputs": {"out": f"{run}.out"}}}})

    def measure(self, delivery: str, keys: int) -> None:
        run = f"run{next(self.names)}"
        kafka, brokers = self.stack.kafka(), self.stack.bootstrap_servers()
        for topic in ("in", "out"):
            kafka.create_topic(f"{run}.{topic}", PARTITIONS)
        first, second = (self.host(run, name, delivery) for name in "ab")
        feed = self.support.Feed(brokers, f"{run}.in")
        for at in range(0, keys, 10_000):
            feed.send([(f"key {n}", "x") for n in range(at, min(at + 10_000, keys))])
        feed.flush()
        first.start()
        second.start()
        self.wait_shared(run, first, second)
        self.support.wait_until(lambda: not self.behind(run), "the state is there", PRELOAD_S)
        load = Load(feed)
        load.start()
        self.tail = Tail(brokers, f"{run}.out")
        time.sleep(SETTLE_S)
        what = f"{delivery}, {keys} keys"
        try:
            for _ in range(self.arguments.rounds):
                self.one_round(run, what, first, second, delivery)
        finally:
            load.stop()
            feed.close()
            self.tail.close()
            for host in (first, second):
                host.end()

    def one_round(self, run: str, what: str, first, second, delivery: str) -> None:
        self.note(f"{what}: killed", self.kill(run, first))
        self.restart(run, first, second)
        if delivery == "exactly_once":
            self.note(f"{what}: killed inside a transaction", self.killed_inside(run, first, second))
            self.restart(run, first, second)
        self.note(f"{what}: killed and restarted at once", self.kill(run, first, again=True),
                  beyond_session=False)
        self.wait_shared(run, first, second)
        time.sleep(SETTLE_S)
        self.note(f"{what}: leaves", self.gap(lambda: first.terminate()), beyond_session=False)
        time.sleep(SETTLE_S)
        self.note(f"{what}: joins", self.gap(lambda: first.start()), beyond_session=False)
        self.wait_shared(run, first, second)
        time.sleep(SETTLE_S)

    def kill(self, run: str, host, again: bool = False) -> float:
        mine = host.partitions(run)
        host.kill()
        killed = time.monotonic()
        if again:
            host.start()
        return self.pause(killed, mine)

    def killed_inside(self, run: str, host, other) -> float:
        host.terminate()
        host.start({"FAILPOINT": f"received:{TXN_OFFSETS}:25"})
        self.wait_shared(run, host, other)
        mine = host.partitions(run)
        while host.alive:
            time.sleep(0.001)
        return self.pause(time.monotonic(), mine)

    def pause(self, since: float, partitions: list[int]) -> float:
        first = self.support.wait_until(
            lambda: self.tail.first_after(since + BEFORE_TAKE_OVER_S, partitions),
            f"an output of {partitions}", PAUSE_MAX_S)
        return first - since

    def gap(self, event) -> float:
        since = time.monotonic()
        event()
        time.sleep(3 * SETTLE_S)
        until = time.monotonic()
        return max(self.tail.longest_gap(since, until, p) for p in range(PARTITIONS))

    def restart(self, run: str, host, other) -> None:
        host.start()
        self.wait_shared(run, host, other)
        time.sleep(SETTLE_S)

    def wait_shared(self, run: str, *hosts) -> None:
        self.support.wait_until(lambda: all(len(h.partitions(run)) == 2 for h in hosts),
                                "both hosts work")

    def behind(self, run: str) -> bool:
        kafka = self.stack.kafka()
        ends = list(kafka.end_offsets(f"{run}.in").values())
        offsets = kafka.committed_offsets(f"millrace.default.{run}").get(f"{run}.in", {})
        return [offsets.get(str(p), 0) for p in range(PARTITIONS)] != ends

    def note(self, what: str, seconds: float, beyond_session: bool = True) -> None:
        known = (self.support.SESSION_MS + self.support.HEARTBEAT_MS) / 1000
        if beyond_session:
            what, seconds = f"{what}, beyond session and heartbeat", seconds - known
        self.results.setdefault(what, []).append(seconds)
        print(f"{what}: {seconds * 1000:.0f} ms", flush=True)

    def report(self) -> dict:
        table = {what: {"median_ms": round(statistics.median(times) * 1000),
                        "min_ms": round(min(times) * 1000), "max_ms": round(max(times) * 1000),
                        "rounds": len(times)} for what, times in self.results.items()}
        print(f"\nsession {self.support.SESSION_MS} ms, heartbeat {self.support.HEARTBEAT_MS} ms, "
              "commit_interval 100 ms")
        for what, row in table.items():
            print(f"{what:78} {row['median_ms']:6} ms ({row['min_ms']} to {row['max_ms']})")
        return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", default="1000,3000000")
    parser.add_argument("--delivery", default="exactly_once,at_least_once")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    set_programs(arguments.build.resolve())
    bench = Bench(arguments)
    try:
        for keys in arguments.keys.split(","):
            for delivery in arguments.delivery.split(","):
                bench.measure(delivery, int(keys))
    finally:
        bench.close()
    table = bench.report()
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
