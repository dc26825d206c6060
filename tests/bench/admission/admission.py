#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the admission of a library of 1 MB costs.

    tests/bench/admission/admission.py [--build build/release] [--times 30]

Starts a Kafka and a Redis of its own and a host with one function that has nothing to do, and
renames libraries into its directory, each of bytes that the host has not met before. Printed are
the time from the rename until the API tells of the generation as admitted (asked every
ASK_EVERY_S), the time until it runs, and the parts of the first:

    copied       the directory's event; the file is read, hashed, checked, copied and synced
    probe begun  the folder of the copies is synced, and a process started
    probed       that process reads, checks and loads the copy, and the host takes its end
    told         the function takes the library, and the API is asked

These are looked at from outside, every LOOK_EVERY_S. Besides: the whole of `millrace function
inspect` on such a file and what it tells of its probe, and, to compare, how long it takes to write
as many bytes beside the host's copies with both fsyncs.
"""
import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Event

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/bench"))

from real_services import real_services, row  # noqa: E402

BYTES = 1_000_000
APART_S = 0.3  # So that the function is idle again.
LOOK_EVERY_S = 0.0003
ASK_EVERY_S = 0.002
MAX_S = 10.0
PARTS = ["copied", "probe begun", "probed", "told"]  # In their order.


def libraries(source: Path) -> Iterator[bytes]:
    """No two alike: what follows an ELF file's own bytes is hashed, and not loaded."""
    own = source.read_bytes()
    for number in itertools.count():
        yield own + number.to_bytes(BYTES - len(own), "little")


def look(host, library: bytes, over: Event) -> dict[str, float]:
    """When the parts in the host's main thread were seen to be over, until the last one is, or all
    is; without those of a probe that came and went between two looks."""
    copy = host.folder / "cache" / f"{sha256(library).hexdigest()}.so"
    children = Path(f"/proc/{host.pid}/task/{host.pid}/children")  # No others than probes.
    seen: dict[str, float] = {}
    while "probed" not in seen and not over.is_set():
        probing = bool(children.read_text())
        now = time.monotonic()
        if "copied" not in seen and copy.exists():
            seen["copied"] = now
        if probing:
            seen.setdefault("probe begun", now)
        elif "probe begun" in seen:
            seen["probed"] = now
        time.sleep(LOOK_EVERY_S)
    return seen


def ask(host, name: str, library: bytes) -> tuple[float, float]:
    """When the API told of the generation, and when it told that it runs."""
    told = None
    deadline = time.monotonic() + MAX_S
    while time.monotonic() < deadline:
        records = {record["hash"]: record for record in host.function(name)["generations"]}
        now = time.monotonic()
        record = records.get(sha256(library).hexdigest()[:12])
        if record and record["state"] == "refused":
            raise SystemExit(f"refused: {record['reason']}")
        if record:
            told = told or now
        if record and record["state"] == "running":
            return told, now
        time.sleep(ASK_EVERY_S)
    raise SystemExit(f"the library does not run after {MAX_S:.0f} s: {host.log()}")


def admit(host, name: str, library: bytes) -> dict[str, float]:
    """Milliseconds. The file is written elsewhere, so that the host is told of the rename alone."""
    staged = host.folder / "staged"
    staged.write_bytes(library)
    over = Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        looking = pool.submit(look, host, library, over)
        there = time.monotonic()
        staged.rename(host.functions_dir / f"{name}.so")
        try:
            told, running = ask(host, name, library)
        finally:
            over.set()
        seen = looking.result() | {"told": told}
    ms = {"admitted": (told - there) * 1000, "running": (running - there) * 1000}
    if all(part in seen for part in PARTS):
        ends = [there] + [seen[part] for part in PARTS]
        ms |= {part: (end - begin) * 1000
               for part, (begin, end) in zip(PARTS, itertools.pairwise(ends))}
    return ms


def inspect(file: Path, library: bytes) -> dict[str, float]:
    file.write_bytes(library)
    began = time.monotonic()
    run = subprocess.run([os.environ["MILLRACE"], "function", "inspect", file], check=True,
                         stdout=subprocess.PIPE, text=True)
    ms = (time.monotonic() - began) * 1000
    return {"inspect": ms,
            "inspect: probe": float(re.search(r"passed in (\d+) ms", run.stdout)[1])}


def write_synced(file: Path, library: bytes) -> dict[str, float]:
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    began = time.monotonic()
    with file.open("wb") as written:
        written.write(library)
        written.flush()
        os.fsync(written.fileno())
    os.fsync(folder)
    ms = (time.monotonic() - began) * 1000
    os.close(folder)
    file.unlink()
    return {"written and synced": ms}


def measure(stack, folder: Path, build: Path, times: int) -> dict[str, list[float]]:
    from directory_support import FolderHost
    name = "idle"
    for topic in ("in", "out"):
        stack.kafka().create_topic(topic, 1)
    host = FolderHost(folder / "host", {
        "host": {}, "redis": {"url": stack.redis_url()},
        "kafka": {"bootstrap.servers": stack.bootstrap_servers()}, "functions": {}})
    builds = libraries(build / "functions/echo.so")
    (host.functions_dir / f"{name}.so").write_bytes(next(builds))
    host.put_yaml({name: {"library": f"{name}.so", "outputs": {"out": "out"},
                          "triggers": [{"kafka": {"topics": ["in"]}}]}}, name)
    host.start()
    found: dict[str, list[float]] = {}
    try:
        host.wait_state(name, "running")
        for _ in range(times):
            time.sleep(APART_S)
            library = next(builds)
            for what, ms in (admit(host, name, library) | inspect(folder / "seen.so", library)
                             | write_synced(host.folder / "synced", library)).items():
                found.setdefault(what, []).append(ms)
    finally:
        host.end()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    with real_services(build / "bin/millrace") as (stack, folder):
        found = measure(stack, folder, build, arguments.times)
    table = {what: row(values, "times") for what, values in found.items()}
    for what, values in table.items():
        print(f"{what}: {values}")
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
