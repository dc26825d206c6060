#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the crash of one function costs: itself, and a neighbour that works on a paced feed.

    tests/bench/crash/crash.py [--build build/release] [--crashes 5] [--rate RECORDS_PER_S]

Starts a Kafka and a Redis of its own. One function keeps a count per key and its process is killed by
a segmentation fault, again and again, while events come; another one is fed at a fixed rate, and
every of its outputs is timed. Without `--rate` that is half of what it takes while nothing else has
anything to do: the highest of a row of rates at which no output is later than SUSTAINED_MAX_MS.
Printed are how long the first is without a commit (exactly once: a transaction that was committed)
and the longest that an output of the second took. Fails if a group was rebalanced.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/bench"))

from real_services import real_services  # noqa: E402

PARTITIONS, KEYS = 4, 10_000
APART_S = 11.0  # So that each restart is immediate, as after a crash that comes alone.
WARM_S = 15.0
LOOK_EVERY_S = 0.003
BACK_MAX_S = 20.0
RATES = [int(25_000 * 1.25**step) for step in range(16)]  # The last is 710,542.
RATE_S, RATE_WARM_S = 10, 4
SUSTAINED_MAX_MS = 1_000.0


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


def start_pace(build: Path, brokers: str, name: str, rate: int, seconds: int,
               warm_s: int) -> subprocess.Popen:
    return subprocess.Popen(
        [build / "bin/bench_load", "pace", "--brokers", brokers, "--input", f"{name}.in", "--output",
         f"{name}.out", "--cell", "aggregate", "--rate", str(rate), "--keys", str(KEYS),
         "--seconds", str(seconds), "--warmup-seconds", str(warm_s)],
        stdout=subprocess.PIPE, text=True)


def sustains(build: Path, brokers: str, name: str, rate: int) -> bool:
    pace = start_pace(build, brokers, name, rate, RATE_S, RATE_WARM_S)
    told = pace.communicate()[0]
    if pace.returncode != 0:
        raise SystemExit(f"bench_load pace exited with code {pace.returncode}")
    timed = json.loads(told)
    latest_ms, sender_ms = timed["latency_ms"]["max"], timed["send_lag_ms_max"]
    print(f"{name} alone at {rate} records/s: latest output after {latest_ms:.0f} ms, sender late "
          f"by {sender_ms:.0f}", flush=True)
    return not timed["missing"] and latest_ms <= SUSTAINED_MAX_MS


def capacity(build: Path, brokers: str, name: str) -> int:
    """The highest rate of RATES, in their order, that is sustained in one of two tries."""
    sustained = 0
    for rate in RATES:
        if not any(sustains(build, brokers, name, rate) for _ in range(2)):
            break
        sustained = rate
    if not sustained:
        raise SystemExit(f"{name} does not even take {RATES[0]} records/s")
    return sustained


def groups_of(stack, names: list[str]) -> list[tuple]:
    """What a rebalance changes."""
    found = [stack.kafka().describe_group(f"millrace.default.{name}") for name in names]
    return [(group["state"], group["generation"], group["members"]) for group in found]


def told_by_broker(folder: Path) -> str:
    """What its coordinator logged of groups."""
    lines = [line for log in folder.glob("logs/kafka-*.log") for line in log.read_text().splitlines()]
    return "\n".join(line for line in lines if "millrace.default." in line)


def prepare(stack, folder: Path, build: Path, delivery: str, names: list[str]):
    """A host with both functions, which run."""
    from directory_support import FolderHost
    kafka = stack.kafka()
    for name in names:
        for end in ("in", "out"):
            kafka.create_topic(f"{name}.{end}", PARTITIONS)
    host = FolderHost(folder / f"host-{delivery}", {
        "host": {}, "redis": {"url": stack.redis_url()},
        "kafka": {"bootstrap.servers": stack.bootstrap_servers()}, "functions": {}})
    shutil.copyfile(build / "tests/bench/bench_aggregate.so", host.functions_dir / "aggregate.so")
    shutil.copyfile(build / "tests/marked/one.so", host.functions_dir / "counter.so")
    victim, neighbour = names
    host.put_yaml({victim: document(victim, "counter.so", "out", delivery),
                   neighbour: document(neighbour, "aggregate.so", "changes", "at_least_once")},
                  "both")
    host.start()
    for name in names:
        host.wait_state(name, "running")
    return host


def measure(stack, folder: Path, build: Path, delivery: str, crashes: int,
            rate: int | None) -> dict:
    from load import Load
    names = [f"{delivery.replace('_', '-')}-{role}" for role in ("victim", "neighbour")]
    victim, neighbour = names
    brokers = stack.bootstrap_servers()
    host = prepare(stack, folder, build, delivery, names)
    feed = pace = None
    try:
        rate = rate or capacity(build, brokers, neighbour) // 2
        feed = Load(brokers, f"{victim}.in")  # Gentle: the sender of the other needs a processor.
        pace = start_pace(build, brokers, neighbour, rate, int(WARM_S + APART_S * crashes),
                          int(WARM_S))
        time.sleep(WARM_S)
        groups = groups_of(stack, names)
        back_ms = []
        for _ in range(crashes):
            began = time.monotonic()
            back_ms.append(crash(host, victim))
            time.sleep(max(0.0, began + APART_S - time.monotonic()))
        timed = json.loads(pace.communicate()[0])
        after = groups_of(stack, names)
        if after != groups or any(state != "Stable" for state, *_ in after):
            raise SystemExit(f"a group was rebalanced: {groups}, then {after}; {timed}\n"
                             f"{host.log()}\n{told_by_broker(folder / 'stack')}")
    finally:
        if feed:
            feed.stop()
        if pace:
            pace.kill()
            pace.wait()
        host.end()
    return {"back_ms": [round(ms) for ms in back_ms], "neighbour": timed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--crashes", type=int, default=5)
    parser.add_argument("--rate", type=int)
    parser.add_argument("--delivery", default="exactly_once,at_least_once")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    rate = arguments.rate
    with real_services(build / "bin/millrace") as (stack, folder):
        for delivery in arguments.delivery.split(","):
            found = measure(stack, folder, build, delivery, arguments.crashes, rate)
            rate = found["neighbour"]["rate"]  # It is the same neighbour again.
            print(f"{delivery}: {json.dumps(found)}", flush=True)


if __name__ == "__main__":
    main()
