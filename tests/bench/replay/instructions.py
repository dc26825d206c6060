# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions that a record costs and compares them with the stored baseline."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BASELINE = Path(__file__).parent / "baseline.json"
# Two sizes: what start-up costs is in both and drops out of the difference. Nearly every key has
# been seen, and every buffer has grown, before the first of them ends.
SIZES = (100_000, 200_000)
MODES = {"at_least_once": [], "exactly_once": ["--exactly-once"]}
TOLERANCE = 0.03


def count(command: list[str]) -> int:
    """Instructions that the program executes, start-up and all."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", *command],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise SystemExit(f"{' '.join(command)} under valgrind: exit {done.returncode}\n{done.stderr}")
    return int(found.group(1))


def per_record(replay: str, library: str, options: list[str]) -> float:
    few, many = (count([replay, "--records", str(size), *options, library]) for size in SIZES)
    return (many - few) / (SIZES[1] - SIZES[0])


def verdict(mode: str, figure: float, baseline: float | None) -> tuple[bool, str]:
    """Whether the figure is good, and a line that says why."""
    if baseline is None:
        return True, f"{mode}: {figure:.0f} instructions per record; no baseline for these versions"
    change = figure / baseline - 1
    line = f"{mode}: {figure:.0f} instructions per record, {change:+.1%} of {baseline:.0f}"
    if abs(change) <= TOLERANCE:
        return True, line
    why = "find out why" if change > 0 else "keep the gain"
    return False, f"{line}: beyond {TOLERANCE:.0%}; {why}, then --update the baseline"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replay", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--librdkafka", required=True)
    parser.add_argument("--update", action="store_true", help="store what is counted")
    args = parser.parse_args()
    versions = f"{args.compiler}, {os.confstr('CS_GNU_LIBC_VERSION')}, librdkafka {args.librdkafka}"
    baselines = json.loads(BASELINE.read_text())
    print(versions)
    good = True
    for mode, options in MODES.items():
        figure = per_record(args.replay, args.library, options)
        passes, line = verdict(mode, figure, baselines.get(versions, {}).get(mode))
        good = good and passes
        print(line, flush=True)
        if args.update:
            baselines.setdefault(versions, {})[mode] = round(figure)
    if args.update:
        BASELINE.write_text(json.dumps(baselines, indent=2, sort_keys=True) + "\n")
    return 0 if good or args.update else 1


if __name__ == "__main__":
    sys.exit(main())
