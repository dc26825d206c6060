# SPDX-License-Identifier: Apache-2.0
"""Outputs of an at_least_once function: each at least once, first occurrences in input order."""
from support import HostTest


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
