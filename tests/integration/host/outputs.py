# SPDX-License-Identifier: Apache-2.0
"""Outputs against their inputs: exactly once they are equal, in order per partition; at least once
each is there, first occurrences in input order."""
import collections
from collections.abc import Callable

from support import HostTest

Expected = Callable[[list[dict]], list[tuple[str, str]]]  # A partition's inputs -> key and value.


def by_partition(records: list[dict]) -> dict[int, list[dict]]:
    """In the order of their offsets, as a dump has them."""
    found = collections.defaultdict(list)
    for record in records:
        found[record["partition"]].append(record)
    return found


def check_exact_outputs(test: HostTest, inputs: list[dict], dumped: list[dict],
                        expected: Expected) -> None:
    """Per partition, what a read_committed reader sees is what the inputs must give: each output
    once, in order. Inputs and outputs of a key have one partition number."""
    given, seen = by_partition(inputs), by_partition(dumped)
    for partition in sorted(given.keys() | seen.keys()):
        wanted = expected(given[partition])
        found = [(record["key"], record["value"]) for record in seen[partition]]
        first = next((i for i, pair in enumerate(zip(wanted, found)) if pair[0] != pair[1]),
                     min(len(wanted), len(found)))
        ids = [record["headers"].get("millrace-id") for record in seen[partition][first:first + 3]]
        test.assertEqual((len(found), first), (len(wanted), len(wanted)),
                         f"partition {partition}: outputs and how many are as expected; "
                         f"wanted {wanted[first:first + 3]}, found {found[first:first + 3]}, {ids}")
    print(f"outputs: {len(dumped)}, each once and in order", flush=True)


def check_outputs(test: HostTest, dumped: list[dict], function: str, topic: str,
                  ends: list[int]) -> dict[str, str]:
    """One output per input record, each named by its `millrace-id`, repeats told apart by it.

    Returns per key the value of its last output, as a reader has it who drops repeats by the id.
    """
    first: dict[str, dict] = {}
    different = 0
    reached = [-1] * len(ends)
    last: dict[str, str] = {}
    for record in dumped:
        identity = record["headers"].get("millrace-id")
        test.assertIsNotNone(identity, record)
        if known := first.get(identity):
            different += known["value"] != record["value"]
            continue
        first[identity] = record
        named, _, rest = identity.partition("/")
        source, partition, offset, index = rest.rsplit("/", 3)
        test.assertEqual((named, source, index), (function, topic, "0"))
        test.assertEqual(int(partition), record["partition"], "murmur2 of the same key")
        test.assertGreater(int(offset), reached[int(partition)], f"order of {identity}")
        reached[int(partition)] = int(offset)
        last[record["key"]] = record["value"]
    print(f"outputs: {len(dumped)}, of these {len(dumped) - len(first)} repeats, "
          f"{different} with another value", flush=True)
    test.assertEqual(len(first), sum(ends), "every input has its output")
    return last
