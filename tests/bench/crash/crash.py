#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the crash of one function costs: itself, and a neighbour that works on a paced feed.

    tests/bench/crash/crash.py [--build build/release] [--crashes 5] [--rate 25000]

Starts a Kafka and a Redis of its own. One function keeps a count per key and its process is killed by
a segmentation fault, again and again, while events come; another one is fed at `--rate`, and every of its outputs is timed. Printed are how long the first is without a commit (exactly
once: a transaction that was committed) and the longest that an output of the second took. Fails if a
group was rebalanced.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/integration/directory"), str(ROOT / "tests/integration/host"),
                str(ROOT / "tests/tools")]

PARTITIONS, KEYS = 4, 10_000
APART_S = 11.0  # So that each restart is immediate, as after a crash that comes alone.
WARM_S = 15.0
LOOK_EVERY_S = 0.003
BACK_MAX_S = 20.0


def document(name: str, library: str, output: str, delivery: str) -> dict:
    return {"library": library, "delivery": delivery, "outputs": {output: f"{name}.out"},
            "triggers": [{"kafka": {"topics": [f"{name}.in"]}}]}


def done(found: dict) -> int:
    """What readers can see the function do."""
    counters = found["counters"]
    committed = counters["transactions"]["committed"]
    return committed if found["delivery"] == "exactly_once" else counters["commits"]["applied"]


def crash(host, victim: str) -> float:
    """Milliseconds from the fault to the first thing that is done again."""
    pid = host.function(victim)["pid"]
    os.kill(pid, signal.SIGSEGV)
    died = time.monotonic()
    before = None
    while True:
        found = host.function(victim)
        if found["pid"] != pid:
            before = done(found) if before is None else before
            if done(found) > before:
                return (time.monotonic() - died) * 1000
        if time.monotonic() > died + BACK_MAX_S:
            raise SystemExit(f"{victim} did nothing for {BACK_MAX_S:.0f} s: {found['reason']}")
        time.sleep(LOOK_EVERY_S)


def measure(stack, folder: Path, build: Path, delivery: str, crashes: int, rate: int) -> dict:
    from directory_support import FolderHost
    from load import Load
    names = [f"{delivery.replace('_', '-')}-{role}" for role in ("victim", "neighbour")]
    victim, neighbour = names
    kafka, brokers = stack.kafka(), stack.bootstrap_servers()
    for name in names:
        for end in ("in", "out"):
            kafka.create_topic(f"{name}.{end}", PARTITIONS)
    host = FolderHost(folder / f"host-{delivery}", {
        "host": {}, "redis": {"url": stack.redis_url()}, "kafka": {"bootstrap.servers": brokers},
        "functions": {}})
    shutil.copyfile(build / "tests/bench/bench_aggregate.so", host.functions_dir / "aggregate.so")
    shutil.copyfile(build / "tests/marked/one.so", host.functions_dir / "counter.so")
    host.put_yaml({victim: document(victim, "counter.so", "out", delivery),
                   neighbour: document(neighbour, "aggregate.so", "changes", "at_least_once")},
                  "both")
    host.start()
    load = build / "bin/bench_load"
    seconds = int(WARM_S + APART_S * crashes)
    feed = pace = None
    try:
        for name in names:
            host.wait_state(name, "running")
        feed = Load(brokers, f"{victim}.in")  # Gentle: the sender of the other needs a processor.
        pace = subprocess.Popen([load, "pace", "--brokers", brokers, "--input", f"{neighbour}.in",
                                 "--output", f"{neighbour}.out", "--cell", "aggregate", "--rate",
                                 str(rate), "--keys", str(KEYS), "--seconds", str(seconds), "--warmup-seconds",
                                 str(int(WARM_S))],
                                stdout=subprocess.PIPE, text=True)
        time.sleep(WARM_S)
        groups = [kafka.describe_group(f"millrace.default.{name}")["generation"] for name in names]
        back_ms = []
        for _ in range(crashes):
            began = time.monotonic()
            back_ms.append(crash(host, victim))
            time.sleep(max(0.0, began + APART_S - time.monotonic()))
        timed = json.loads(pace.communicate()[0])
        after = [kafka.describe_group(f"millrace.default.{name}")["generation"] for name in names]
        if after != groups:
            raise SystemExit(f"a group was rebalanced: {groups}, then {after}:\n{host.log()}")
    finally:
        if feed:
            feed.stop()
        if pace:
            pace.kill()
            pace.wait()
        host.end()
    return {"back_median_ms": round(statistics.median(back_ms)), "back_max_ms": round(max(back_ms)),
            "crashes": crashes, "neighbour": timed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--crashes", type=int, default=5)
    parser.add_argument("--rate", type=int, default=25_000)
    parser.add_argument("--delivery", default="exactly_once,at_least_once")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    os.environ.update(MILLRACE=str(build / "bin/millrace"))
    from support import Stack
    with tempfile.TemporaryDirectory(prefix="millrace-crash-") as name:
        stack = Stack(Path(name) / "stack")
        stack.up()
        try:
            for delivery in arguments.delivery.split(","):
                found = measure(stack, Path(name), build, delivery, arguments.crashes,
                                arguments.rate)
                print(f"{delivery}: {json.dumps(found)}", flush=True)
        finally:
            stack.down()


if __name__ == "__main__":
    main()
