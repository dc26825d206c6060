# SPDX-License-Identifier: Apache-2.0
"""A function beside a neighbour whose handler ends its process, and what is then to be seen."""
import hashlib
import time

from aside import unpacked
from directory_support import Record, hostile, wait_until
from load import PARTITIONS
from neighbour import NeighbourTest

MAX_CRASHES = 3  # The default of max_crashes.
SEGV = "ended by signal 11 (Segmentation fault)"
ABRT = "ended by signal 6 (Aborted)"
KILL = "ended by signal 9 (Killed)"
BEFORE, AFTER = ["a", "b"], ["c", "d"]
BAD_AT = len(BEFORE)  # The offset of the event that does the harm.
ASIDE_AGE_MAX_MS = 120_000


class ProcessTest(NeighbourTest):
    def victim_at_work(self, library: str, **keys: object) -> str:
        """What it has done is committed, so that a crash leads to no repeat of it."""
        victim = self.run_victim(hostile(library), **keys)
        self.send(f"{victim}.in", *BEFORE)
        self.wait_values(f"{victim}.out", BEFORE)
        wait_until(lambda: self.committed_by(victim, f"{victim}.in") == [len(BEFORE)], "a commit")
        self.victim_generation = self.generation_of_group(victim)
        return victim

    def check_goes_on(self, victim: str, values: list[str]) -> None:
        """Each output once and in order, in the same membership; the neighbour noticed nothing."""
        self.check_neighbour()
        self.assertEqual(self.values(f"{victim}.out"), values)
        self.host.wait_state(victim, "running")
        self.assertEqual(self.generation_of_group(victim), self.victim_generation)

    def aside(self, victim: str, partition: int = 0) -> dict[str, bytes]:
        """The records of a task that were put aside, packed."""
        key = f"{self.task_key(victim, partition)}:d"
        cells = self.redis.commands([("HGETALL", key)], raw=True)[0]
        return {name.decode(): packed for name, packed in zip(cells[::2], cells[1::2], strict=True)}

    def check_put_aside(self, victim: str, bad: Record, offset: int = BAD_AT,
                        count: int = MAX_CRASHES) -> None:
        """That record alone, and whole; told in the log, the API and the metrics."""
        kept = wait_until(lambda: self.aside(victim), "it is put aside")
        self.assertEqual(list(kept), [f"crash {victim}.in {offset}"])
        found = unpacked(kept[f"crash {victim}.in {offset}"])
        self.assertEqual((found.key, found.value, found.headers), (bad.key, bad.value, bad.headers))
        self.assertIn(found.timestamp_ms, [bad.timestamp_ms or found.timestamp_ms])
        self.assertLess(abs(found.when_ms - time.time() * 1000), ASIDE_AGE_MAX_MS)
        self.assertEqual((found.kind, found.count), ("crash", count))
        self.assertEqual(found.reason, f"has ended the function's process {count} times")
        library = self.host.functions_dir / "victim.so"
        self.assertEqual(found.hash12, hashlib.sha256(library.read_bytes()).hexdigest()[:12])
        where = f"{victim}.in/0@{offset}"
        wait_until(lambda: self.times_told(victim, where, found.reason, "put aside"), "the log")
        self.wait_listed(victim, offset)
        self.assertIn(f'millrace_records_put_aside_total{{function="{victim}"}} 1\n',
                      self.host.get("/metrics")[1])
        self.assertEqual(self.host.count(victim, "records_put_aside"), 1)

    def wait_listed(self, victim: str, offset: int = BAD_AT) -> None:
        """As aside, by the task of partition 0 and by no other one."""
        listed = [{"kind": "crash", "topic": f"{victim}.in", "offset": offset}]

        def asides() -> dict[int, tuple[list[dict], int]]:
            return {task["partition"]: (task["aside"], task["aside_count"])
                    for task in self.host.function(victim).get("tasks", [])}

        wait_until(lambda: asides().get(0) == (listed, 1), f"{listed} is listed")
        self.assertTrue(all(told == ([], 0) for p, told in asides().items() if p), asides())

    def check_totals(self) -> None:
        """Of a neighbour whose host was killed: its outputs may be doubled, its state is not."""
        self.load.stop()
        self.wait_all_applied(self.name, f"{self.name}.in")
        totals = self.states(self.name, "total", PARTITIONS)
        self.assertEqual({key.encode(): int(total) for key, total in totals.items()},
                         dict(self.load.sent))
