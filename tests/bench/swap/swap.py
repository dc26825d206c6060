#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a swap costs a function at full load.

    tests/bench/swap/swap.py [--build build/release] [--swaps 100]
                             [--delivery exactly_once,at_least_once] [--isolation process|inline]

Starts a Kafka and a Redis of its own, fills a topic, and swaps the library of a function that works
on it with one lane, again and again. Each library has bytes that the host has not met before. The
library itself writes down when it is called. Printed are the pause (from the last event of the old
generation to the first one of the new) and the time from the moment when the new file is in the
directory to its first event; also, by itself, each swap that replaced the function's process, which
is one in 64 and is among those numbers too.
"""
import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/bench"))

from real_services import real_services, row  # noqa: E402

PARTITIONS = 4
KEYS, BYTES, SEED = 100_000, 100, 1
RECORDS_PER_SWAP = 250_000  # More than a lane does between two swaps.
PAUSE_S = 0.2
LOOK_EVERY_S = 0.002
SWAP_MAX_S = 10.0


class Times:
    """What the library writes down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def lines(self) -> list[tuple[str, int]]:
        words = [line.split() for line in self.path.read_text().splitlines()]
        return [(what, int(ns)) for what, ns in words]

    def firsts(self) -> list[int]:
        return [ns for what, ns in self.lines() if what == "first"]

    def wait_first(self, count: int) -> int:
        deadline = time.monotonic() + SWAP_MAX_S
        while len(firsts := self.firsts()) < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"generation {count} had no event within {SWAP_MAX_S:.0f} s: too "
                                 "few records are left, or it was refused")
            time.sleep(LOOK_EVERY_S)
        return firsts[count - 1]


def libraries(build: Path) -> Iterator[bytes]:
    """No two alike: what follows an ELF file's own bytes is hashed, and not loaded."""
    for number in itertools.count():
        source = build / f"tests/swap/clock_{number % 2 + 1}.so"
        yield source.read_bytes() + number.to_bytes(8, "little")


def put(library: bytes, target: Path) -> int:
    """When it was there, monotonic nanoseconds."""
    staged = target.with_name(".new")
    staged.write_bytes(library)
    staged.rename(target)
    return time.monotonic_ns()


def fill(build: Path, brokers: str, records: int) -> None:
    subprocess.run([build / "bin/bench_load", "fill", "--brokers", brokers, "--topic", "in",
                    "--partitions", str(PARTITIONS), "--records", str(records), "--keys", str(KEYS),
                    "--bytes", str(BYTES), "--seed", str(SEED)], check=True,
                   stdout=subprocess.DEVNULL)


def measure(stack, folder: Path, build: Path, delivery: str, isolation: str,
            swaps: int) -> tuple[dict[str, list[float]], list[dict]]:
    """The times of all swaps, and those of the swaps that replaced the process."""
    from directory_support import FolderHost
    times = Times(folder / f"times-{delivery}")
    name = delivery.replace("_", "-")
    stack.kafka().create_topic(f"out-{name}", PARTITIONS)
    host = FolderHost(folder / f"host-{name}", {
        "host": {}, "redis": {"url": stack.redis_url()},
        "kafka": {"bootstrap.servers": stack.bootstrap_servers()}, "functions": {}})
    library = host.functions_dir / f"{name}.so"
    builds = libraries(build)
    put(next(builds), library)
    host.put_yaml({name: {"library": f"{name}.so", "delivery": delivery, "isolation": isolation,
                          "triggers": [{"kafka": {"topics": ["in"]}}],
                          "outputs": {"out": f"out-{name}"},
                          "config": {"times": str(times.path)}}}, name)
    host.start()
    to_first_ms, pids = [], []
    try:
        times.wait_first(1)
        for number in range(2, swaps + 2):
            time.sleep(PAUSE_S)
            pids.append(host.function(name)["pid"])
            there_ns = put(next(builds), library)
            to_first_ms.append((times.wait_first(number) - there_ns) / 1e6)
        time.sleep(PAUSE_S)
        found = host.function(name)
        pids.append(found["pid"])
        if any(task["topics"][0]["lag"] == 0 for task in found["tasks"]):
            raise SystemExit("a partition ran empty: the load was not full")
        if found["generation"]["number"] != swaps + 1 or found["restarts"]:
            raise SystemExit(f"not every library ran, or a process ended by itself: {found}")
    finally:
        host.end()
    lines = times.lines()
    pauses_ms = [(b - a) / 1e6 for (what, a), (_, b) in itertools.pairwise(lines) if what == "last"]
    if len(pauses_ms) != swaps:
        raise SystemExit(f"{len(pauses_ms)} pauses in {swaps} swaps: a process did not end well")
    replaced = [{"swap": swap + 1, "pause_ms": round(pauses_ms[swap], 2),
                 "to_first_event_ms": round(to_first_ms[swap], 2)}
                for swap in range(swaps) if pids[swap + 1] != pids[swap]]
    return {"pause": pauses_ms, "dropped in to first event": to_first_ms}, replaced


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--delivery", default="exactly_once,at_least_once")
    parser.add_argument("--isolation", choices=["process", "inline"], default="process")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    table = {}
    with real_services(build / "bin/millrace") as (stack, folder):
        fill(build, stack.bootstrap_servers(), RECORDS_PER_SWAP * (arguments.swaps + 10))
        for delivery in arguments.delivery.split(","):
            times, replaced = measure(stack, folder, build, delivery, arguments.isolation,
                                      arguments.swaps)
            rows = {what: row(values, "swaps") for what, values in times.items()}
            for what, found in (rows | {"process replaced": replaced}).items():
                table[f"{delivery}: {what}"] = found
                print(f"{delivery}: {what}: {found}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
