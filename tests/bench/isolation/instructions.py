#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions per record of a whole host, with a process per function and inline.

    tests/bench/isolation/instructions.py [--build build/release] [--runs 3]

Starts a Kafka and a Redis of its own and runs `millrace run` and all its children under callgrind,
on a function with state and an output: with few records and with many, whose difference leaves out
what starting costs. Printed are the instructions per record of the host and of its child, and the
ratio of their sum to that of a host that runs the function inline; trials take turns. Unlike
`replay` this counts all of librdkafka too, and so what a thread does in vain: a few in a thousand
differ from run to run.
"""
import argparse
import json
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/bench"))

from real_services import real_services  # noqa: E402

PARTITIONS, KEYS = 4, 10_000
SIZES = (100_000, 300_000)
ISOLATIONS = ("process", "inline")
DONE_MAX_S, ENDS_MAX_S = 300.0, 60.0
LOOK_EVERY_S = 2.0  # Rarely: an answer costs as much as hundreds of records.
HOST, CHILD, PROBE = "run", "run-lanes", "probe-library"


def wrap(folder: Path, build: Path) -> Path:
    """A program that runs millrace and its children under callgrind."""
    program = folder / "millrace"
    millrace, preloaded = build / "bin/millrace", build / "tests/bench/under_valgrind.so"
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               "--trace-children=yes", "--log-file=%q{COUNTS}/%p", str(millrace)]
    program.write_text(f"#!/bin/sh\nexport LD_PRELOAD={shlex.quote(str(preloaded))}\n"
                       f"export UNDER_VALGRIND={shlex.quote(str(millrace))}\n"
                       f"exec {shlex.join(command)} \"$@\"\n")
    program.chmod(0o755)
    return program


def counts(folder: Path) -> dict[str, int]:
    """Instructions by the verb of the process."""
    found = {}
    for file in folder.iterdir():
        text = file.read_text()
        verb = re.search(r"Command: \S+ (\S+)", text).group(1)
        collected = re.search(r"Collected : (\d+)", text)
        if not collected:
            raise SystemExit(f"millrace {verb} did not count to its end:\n{text}")
        if verb in found:
            raise SystemExit(f"there was more than one millrace {verb}")
        found[verb] = int(collected.group(1))
    return found


def wait_done(host, name: str, records: int) -> None:
    deadline = time.monotonic() + DONE_MAX_S
    while host.function(name).get("counters", {}).get("invocations", {}).get("done", 0) < records:
        if time.monotonic() > deadline:
            raise SystemExit(f"{name} has not done {records} within {DONE_MAX_S:.0f} s")
        time.sleep(LOOK_EVERY_S)


def trial(stack, folder: Path, build: Path, delivery: str, isolation: str,
          records: int) -> dict[str, int]:
    from directory_support import FolderHost
    name = f"{folder.name}-{delivery}-{isolation}-{records}".replace("_", "-")
    counted = folder / f"counts-{name}"
    counted.mkdir(parents=True)
    stack.kafka().create_topic(f"{name}.out", PARTITIONS)
    host = FolderHost(folder / name, {
        "host": {}, "redis": {"url": stack.redis_url()},
        "kafka": {"bootstrap.servers": stack.bootstrap_servers()}, "functions": {}})
    shutil.copy(build / "tests/bench/bench_aggregate.so", host.functions_dir / f"{name}.so")
    host.put_yaml({name: {"library": f"{name}.so", "delivery": delivery, "isolation": isolation,
                          "triggers": [{"kafka": {"topics": [f"in-{records}"]}}],
                          "outputs": {"changes": f"{name}.out"}}}, name)
    host.start({"COUNTS": str(counted)})
    try:
        wait_done(host, name, records)
        host.signal(signal.SIGTERM)
        if code := host.wait(ENDS_MAX_S):
            raise SystemExit(f"the host exited with code {code}:\n{host.log()}")
    finally:
        host.end()
    return counts(counted)


def per_record(stack, folder: Path, build: Path, delivery: str, isolation: str) -> dict[str, float]:
    folder.mkdir(exist_ok=True)
    few, many = (trial(stack, folder, build, delivery, isolation, size) for size in SIZES)
    apart = SIZES[1] - SIZES[0]
    return {verb: (many[verb] - few[verb]) / apart for verb in many if verb != PROBE}


def compare(stack, folder: Path, build: Path, delivery: str, runs: int) -> dict:
    found: dict[str, list[dict[str, float]]] = {isolation: [] for isolation in ISOLATIONS}
    for run in range(runs):
        for isolation in ISOLATIONS:
            each = per_record(stack, folder / str(run), build, delivery, isolation)
            found[isolation].append(each)
            print(f"{delivery}, {isolation}: "
                  + ", ".join(f"{verb} {value:.0f}" for verb, value in each.items()), flush=True)
    whole = {isolation: [sum(each.values()) for each in found[isolation]] for isolation in ISOLATIONS}
    ratios = [process / inline for process, inline in zip(*whole.values())]
    return {"inline": round(statistics.median(whole["inline"])),
            "process": round(statistics.median(whole["process"])),
            "of which the host": round(statistics.median(each[HOST] for each in found["process"])),
            "ratio": [round(value, 4) for value in sorted(ratios)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--delivery", default="at_least_once,exactly_once")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    with tempfile.TemporaryDirectory(prefix="millrace-instructions-") as name:
        wrapper = wrap(Path(name), build)
        with real_services(wrapper) as (stack, folder):
            for records in SIZES:
                subprocess.run([build / "bin/bench_load", "fill", "--brokers",
                                stack.bootstrap_servers(), "--topic", f"in-{records}",
                                "--partitions", str(PARTITIONS), "--records", str(records),
                                "--keys", str(KEYS)], check=True, stdout=subprocess.DEVNULL)
            for delivery in arguments.delivery.split(","):
                found = compare(stack, folder, build, delivery, arguments.runs)
                print(f"{delivery}: {json.dumps(found)}", flush=True)


if __name__ == "__main__":
    main()
