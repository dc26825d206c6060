# SPDX-License-Identifier: Apache-2.0
"""Handlers that end, starve or flood their process: it is theirs alone, and begins anew."""
import collections
import ctypes
import dataclasses
import os
import signal
import time
from pathlib import Path

from directory_support import Record, hostile, marked, wait_until
from load import PARTITIONS
from victim import ABRT, AFTER, BAD_AT, BEFORE, KILL, MAX_CRASHES, SEGV, ProcessTest

SENT = Record(b"k", b"segv")  # As send() does it.
HEADERS = (("kind", b"\0poison"), ("kind", b""), ("none", None))
SENT_AGO_MS = 5_000
FLOOD_LINES, LOG_BYTES_MAX = 100_000, 1 << 20
EVENTS = 50  # Of each key, on either side of a crash.
CHILDREN_END_S = 5.0
SYS_LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION = 444, 1  # The same number on all architectures.


class Crashes(ProcessTest):
    def crash(self, library: str, bad: str, how: str, **keys: object) -> str:
        """All that comes of an event which ends the process whenever it is tried."""
        victim = self.victim_at_work(library, stored=True, **keys)
        poison = Record(b"\0key\xff", bad.encode(), HEADERS, int(time.time() * 1000) - SENT_AGO_MS)
        self.records.produce(f"{victim}.in", 0, [poison])
        self.send(f"{victim}.in", *AFTER)
        self.wait_values(f"{victim}.out", BEFORE + AFTER)
        count = keys.get("max_crashes", MAX_CRASHES)
        self.assertEqual(self.times_told(victim, how, f"{victim}.in/0@{BAD_AT}"), count)
        self.check_put_aside(victim, poison, count=count)
        self.check_goes_on(victim, BEFORE + AFTER)
        return victim

    def test_a_write_through_a_null_pointer(self) -> None:
        self.crash("segfault", "segv", SEGV)

    def test_a_stack_that_overflows(self) -> None:
        self.crash("overflows_stack", "overflow", SEGV)

    def test_an_exit_as_if_all_were_well(self) -> None:
        self.crash("exits", "exit", "exited with code 0")

    def test_a_loop_without_end(self) -> None:
        victim = self.crash("loops", "loop", ABRT, limits={"timeout": "500ms"})
        where = f"{victim}.in/0@{BAD_AT}"
        self.assertGreater(
            self.times_told(victim, where, "longer than limits.timeout (500 ms)"), 0)

    def test_a_loop_that_ignores_the_abort(self) -> None:
        self.crash("loops", "deaf", KILL, limits={"timeout": "500ms"})

    def test_all_the_memory_there_is(self) -> None:
        # Which signal depends on what bounds the memory: the kernel kills, or malloc fails.
        self.crash("hogs_memory", "hog", "ended by signal", limits={"memory": "256MiB"})

    def test_without_a_store_the_function_stops(self) -> None:
        victim = self.victim_at_work("segfault")
        self.send(f"{victim}.in", "segv", *AFTER)
        where = f"{victim}.in/0@{BAD_AT}"
        self.wait_reason(victim, f"{where} has ended the function's process {MAX_CRASHES} times")
        self.assertEqual(self.host.state(victim), "stopped")
        self.assertEqual(self.times_told(victim, SEGV, where), MAX_CRASHES)
        self.assertEqual(self.values(f"{victim}.out"), BEFORE)
        self.check_neighbour()
        # The group's offset remembers: another host does not even try.
        self.assertEqual(self.host.terminate(), 0)
        self.host.start()
        self.wait_reason(victim, f"{where} has ended the function's process {MAX_CRASHES} times")
        self.assertEqual(self.times_told(victim, SEGV, where), MAX_CRASHES)

    def test_a_process_that_is_stopped(self) -> None:
        """No handler is late, and yet nothing moves."""
        victim = self.victim_at_work("segfault", stored=True, limits={"timeout": "500ms"})
        os.kill(self.host.function(victim)["pid"], signal.SIGSTOP)
        self.send(f"{victim}.in", *AFTER)
        self.wait_values(f"{victim}.out", BEFORE + AFTER)
        self.assertGreater(self.times_told(victim, "it has said nothing"), 0)
        self.check_goes_on(victim, BEFORE + AFTER)

    def test_a_host_that_is_killed_between_two_crashes(self) -> None:
        """The count is in the store and goes on; what lies aside is known to every later host."""
        victim = self.victim_at_work("loops", stored=True, limits={"timeout": "2s"})
        where = f"{victim}.in/0@{BAD_AT}"
        self.send(f"{victim}.in", "loop", *AFTER)
        wait_until(lambda: self.crashes_counted(victim) == 1, "the first is counted")
        self.host.kill()  # While the handler loops anew.
        self.assertEqual(self.times_told(victim, ABRT, where), 1)
        self.host.start()
        self.wait_values(f"{victim}.out", BEFORE + AFTER)
        self.assertEqual(self.times_told(victim, ABRT, where), MAX_CRASHES)
        self.check_put_aside(victim, Record(b"k", b"loop"))
        self.assertEqual(self.host.terminate(), 0)
        self.host.start()
        self.wait_listed(victim)
        self.send(f"{victim}.in", "e")
        self.wait_values(f"{victim}.out", [*BEFORE, *AFTER, "e"])
        self.assertEqual(self.times_told(victim, ABRT), MAX_CRASHES)
        self.assertEqual(len(self.aside(victim)), 1)
        self.check_totals()

    def crashes_counted(self, victim: str) -> int:
        """Of the event that does the harm, in the store."""
        field = f"crash:{victim}.in"
        told = self.redis.command("HGET", f"{self.task_key(victim, 0)}:task", field)
        offset, count = (told or f"{BAD_AT} 0").split()[:2]
        self.assertEqual(offset, str(BAD_AT))
        return int(count)

    def test_a_generation_that_has_worked_stays(self) -> None:
        """What crashes it then is the record's fault, not its own."""
        victim = self.run_victim(hostile("exits"), stored=True, swap={"watch": "0ms"})
        self.send(f"{victim}.in", BEFORE[0])
        self.wait_values(f"{victim}.out", BEFORE[:1])
        self.host.put_library(hostile("segfault"), "victim")
        wait_until(lambda: self.host.generation(victim) == 2, "the next one runs")
        self.send(f"{victim}.in", *BEFORE[1:])
        self.wait_values(f"{victim}.out", BEFORE)
        wait_until(lambda: self.committed_by(victim, f"{victim}.in") == [len(BEFORE)], "a commit")
        self.victim_generation = self.generation_of_group(victim)
        self.send(f"{victim}.in", "segv", *AFTER)
        self.wait_values(f"{victim}.out", BEFORE + AFTER)
        self.check_put_aside(victim, SENT)
        self.assertEqual(self.host.generation(victim), 2)
        self.check_goes_on(victim, BEFORE + AFTER)

    def test_an_event_that_may_crash_once(self) -> None:
        victim = self.crash("segfault", "segv", SEGV, max_crashes=1)
        self.assertLess(self.times_told(victim, SEGV), MAX_CRASHES)


class Inline(ProcessTest):
    def test_a_record_that_ends_its_host(self) -> None:
        """Known after a restart, by a file; what the neighbour counts stays exact, too."""
        victim = self.run_victim(hostile("segfault"), stored=True, isolation="inline")
        self.send(f"{victim}.in", *BEFORE)
        self.wait_values(f"{victim}.out", BEFORE)
        wait_until(lambda: self.committed_by(victim, f"{victim}.in") == [len(BEFORE)], "a commit")
        self.send(f"{victim}.in", "segv", *AFTER)
        for _ in range(MAX_CRASHES):
            wait_until(lambda: not self.host.alive, "it takes its host with it")
            self.assertEqual(self.host.wait(), -signal.SIGSEGV)
            self.host.start()
        self.wait_values(f"{victim}.out", BEFORE + AFTER)
        self.check_put_aside(victim, SENT)
        self.assertEqual(self.times_told(victim, "has ended the former process of this host",
                                         f"{victim}.in/0@{BAD_AT}"), MAX_CRASHES)
        self.check_totals()


class Counts(ProcessTest):
    """What a killed event had written and emitted is gone, and nothing else is."""

    def setUp(self) -> None:
        super().setUp()
        self.given: collections.Counter = collections.Counter()

    def run_counting(self) -> str:
        return self.run_victim(hostile("counts_and_crashes"), PARTITIONS, **self.counting())

    @staticmethod
    def counting() -> dict:
        return {"delivery": "exactly_once", "lanes": 2}

    def give(self, victim: str, bad: str | None = None) -> None:
        """Events of one key to each partition; `bad` comes amid those of the first."""
        for partition in range(PARTITIONS):
            key = f"key-{partition}"
            self.given[key] += EVENTS
            values = ["x"] * EVENTS
            if bad and partition == 0:
                values.insert(EVENTS // 2, bad)
            self.send(f"{victim}.in", *values, partition=partition, key=key.encode())

    def check_counts(self, victim: str) -> None:
        """An output ends with the count."""
        self.wait_all_applied(victim, f"{victim}.in")
        wait_until(lambda: len(self.dump(f"{victim}.out")) >= self.given.total(), "all outputs")
        counts = collections.defaultdict(list)
        for record in self.dump(f"{victim}.out"):
            counts[record["key"]].append(int(record["value"].rpartition(":")[2]))
        self.assertEqual(counts, {key: list(range(1, count + 1))
                                  for key, count in self.given.items()})
        self.assertEqual(self.states(victim, "counts", PARTITIONS),
                         {key: str(count) for key, count in self.given.items()})

    def test_counts_stay_exact_over_crashes(self) -> None:
        victim = self.run_counting()
        self.give(victim)
        self.wait_all_applied(victim, f"{victim}.in")
        generation = self.generation_of_group(victim)
        self.give(victim, "segv")
        self.give(victim)
        self.check_counts(victim)
        where = f"{victim}.in/0@{EVENTS + EVENTS // 2}"
        self.assertGreaterEqual(self.times_told(victim, SEGV, where), MAX_CRASHES)
        self.check_put_aside(victim, Record(b"key-0", b"segv"), EVENTS + EVENTS // 2)
        self.host.wait_state(victim, "running")
        self.assertEqual(self.generation_of_group(victim), generation)
        self.check_neighbour()

    def test_a_generation_that_crashes_while_it_is_watched_gives_way(self) -> None:
        """It has worked before. The one before it counts what it has crashed at."""
        victim = self.run_victim(hostile("counts"), PARTITIONS, **self.counting())
        self.give(victim)
        self.wait_all_applied(victim, f"{victim}.in")
        generation = self.generation_of_group(victim)
        self.host.put_library(hostile("counts_and_crashes"), "victim")
        self.give(victim)
        wait_until(lambda: self.host.history(victim) == [(1, "retired"), (2, "running")],
                   "the next one runs")
        self.give(victim)
        self.wait_all_applied(victim, f"{victim}.in")
        self.assertTrue(any(":" in r["value"] for r in self.dump(f"{victim}.out")), "it works")
        self.give(victim, "segv")
        self.given["key-0"] += 1
        reason = (f"was rolled back to 1: its process {SEGV} while its handler worked on "
                  f"{victim}.in/0@{3 * EVENTS + EVENTS // 2}")
        wait_until(lambda: reason in (self.host.function(victim)["reason"] or ""), reason)
        self.assertIn(reason, self.host.problems())
        self.give(victim)
        self.check_counts(victim)
        self.assertEqual(self.host.history(victim), [(1, "running"), (2, "retired")])
        self.assertEqual(self.times_told(victim, SEGV, "goes back to generation 1"), 1)
        self.assertEqual(self.aside(victim), {})
        self.assertEqual(self.host.state(victim), "running")
        self.assertEqual(self.generation_of_group(victim), generation)
        self.check_neighbour()

    def test_a_crash_while_another_host_joins(self) -> None:
        victim = self.run_counting()
        self.give(victim)
        self.wait_all_applied(victim, f"{victim}.in")
        other = self.started()
        self.put_victim(other, hostile("counts_and_crashes"), PARTITIONS, **self.counting())
        wait_until(lambda: self.is_rebalancing(victim), "the other joins")
        self.give(victim, "segv")
        for host in (self.host, other):
            wait_until(lambda h=host: len(h.partitions(victim)) == PARTITIONS // 2, "its half")
        self.give(victim)
        self.check_counts(victim)
        self.assertEqual(list(self.aside(victim)),
                         [f"crash {victim}.in {EVENTS + EVENTS // 2}"])
        for host in (self.host, other):
            host.wait_state(victim, "running")
        self.check_neighbour()

    def is_rebalancing(self, victim: str) -> bool:
        """Or has just done so."""
        group = self.kafka.describe_group(f"millrace.default.{victim}")
        return group["state"] != "Stable" or len(group["members"]) == 2


class Starts(ProcessTest):
    def aborts(self, library: str) -> None:
        victim = self.put_victim(self.host, hostile(library))
        self.wait_reason(victim, ABRT)
        self.assertNotEqual(self.host.state(victim), "running")
        self.host.put_library(marked("one"), "victim")
        self.host.wait_state(victim, "running")
        self.send(f"{victim}.in", "a")
        self.wait_values(f"{victim}.out", ["1:1"])
        self.check_neighbour()

    def test_an_abort_in_open(self) -> None:
        self.aborts("aborts_in_open")

    def test_an_abort_in_start(self) -> None:
        self.aborts("aborts_in_start")

    def test_a_replacement_that_aborts(self) -> None:
        victim = self.run_victim(marked("one"))
        self.send(f"{victim}.in", "a")
        self.wait_values(f"{victim}.out", ["1:1"])
        wait_until(lambda: self.applied(victim, f"{victim}.in", 1) == [1], "a commit")
        self.victim_generation = self.generation_of_group(victim)
        self.host.put_library(hostile("aborts_in_start"), "victim")
        self.wait_reason(victim, ABRT)
        self.send(f"{victim}.in", "b")
        self.wait_values(f"{victim}.out", ["1:1", "1:2"])
        self.assertEqual(self.host.generation(victim), 1)
        self.check_goes_on(victim, ["1:1", "1:2"])


def landlock_of_kernel() -> int:
    """The version; below 1 if there is none. Asked without the host, as tests/unit/process does."""
    return ctypes.CDLL(None).syscall(SYS_LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION)


@dataclasses.dataclass(frozen=True)
class Process:
    pid: int
    started: str  # In ticks since the machine did: another process of the same number has another.

    @staticmethod
    def status(pid: int) -> list[str]:
        """Of /proc, from the state on; empty: there is none."""
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return []

    @classmethod
    def children_of(cls, parent: int) -> list["Process"]:
        numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        found = ((pid, cls.status(pid)) for pid in numbers)
        return [cls(pid, status[19]) for pid, status in found
                if status and int(status[1]) == parent]

    def lives(self) -> bool:
        """Whoever adopts it may be slow to reap it; that is no life."""
        status = self.status(self.pid)
        return bool(status) and status[0] not in "ZX" and status[19] == self.started


class Reach(ProcessTest):
    """How far a handler gets out of its process."""

    def ask(self, library: str, question: str, answer: str) -> None:
        victim = self.victim_at_work(library)
        self.send(f"{victim}.in", question, *AFTER)
        self.wait_values(f"{victim}.out", [*BEFORE, answer, *AFTER])
        self.assertEqual(self.aside(victim), {})
        self.check_goes_on(victim, [*BEFORE, answer, *AFTER])

    def test_forks_are_refused(self) -> None:
        """By the filter of system calls, not for want of something."""
        self.ask("forks", "fork", "0")
        victim = f"{self.name}-victim"
        self.assertTrue(any(fact.startswith("seccomp") for fact in self.confined(victim)[0]))
        self.assertEqual(self.times_told(victim, "printed: fork: Operation not permitted"), 1)

    def test_files_are_written_in_the_temporary_directory_alone(self) -> None:
        """Where the kernel has Landlock; elsewhere the log says that it is without."""
        inside, outside = self.host.folder / "inside", self.host.folder / "outside"
        inside.mkdir()
        self.assertEqual(self.host.terminate(), 0)
        self.host.start({"TMPDIR": str(inside)})
        self.host.wait_state(self.name, "running")
        self.group_generation = self.generation_of_group(self.name)
        victim = self.victim_at_work("writes_files")
        reached, missing = self.confined(victim)
        has_landlock = landlock_of_kernel() >= 1
        self.assertEqual(has_landlock, any(fact.startswith("landlock (ABI ") for fact in reached))
        self.assertEqual(has_landlock, "landlock" not in missing)
        self.send(f"{victim}.in", f"write {inside}/file", f"write {outside}")
        answers = ["written", "Permission denied" if has_landlock else "written"]
        self.wait_values(f"{victim}.out", BEFORE + answers)
        self.assertEqual(((inside / "file").exists(), outside.exists()), (True, not has_landlock))
        self.check_goes_on(victim, BEFORE + answers)

    def confined(self, function: str) -> tuple[list[str], str]:
        """What the log says of its process: what was reached, and what was not, with reasons."""
        words = (f"function {function}: its process {self.host.function(function)['pid']}"
                 " is confined by ")
        told = [line.partition(words)[2] for line in self.host.log().splitlines() if words in line]
        self.assertEqual(len(told), 1, told)
        reached, _, missing = told[0].partition("; without: ")
        return reached.split(", "), missing

    def test_signals_to_others_are_refused(self) -> None:
        self.ask("kills_others", "kill", "refused")

    def test_what_it_prints_is_in_the_log_and_bounded(self) -> None:
        victim = self.victim_at_work("prints")
        sent = [*BEFORE, "print 3"]
        self.send(f"{victim}.in", "print 3")
        for line in (f"line {n} to {stream}" for n in (1, 2, 3) for stream in ("stdout", "stderr")):
            wait_until(lambda text=line: self.times_told(victim, text) == 1, line)
        size = len(self.host.log())
        sent.append(f"print {FLOOD_LINES}")
        self.send(f"{victim}.in", sent[-1])
        self.wait_values(f"{victim}.out", sent)

        def left_out() -> int:
            """The next line that is written tells of those before it."""
            sent.append("print 1")
            self.send(f"{victim}.in", sent[-1])
            return self.times_told(victim, "suppressed=")

        wait_until(left_out, "the log tells how many lines it left out")
        self.assertLess(len(self.host.log()) - size, LOG_BYTES_MAX)
        self.wait_values(f"{victim}.out", sent)
        self.check_goes_on(victim, sent)

    def test_no_child_outlives_a_host_that_is_killed(self) -> None:
        """Not even one whose handler neither ends nor listens."""
        victim = self.victim_at_work("loops", limits={"timeout": "2s"})
        self.send(f"{victim}.in", "deaf")
        wait_until(lambda: self.is_taken(victim), "the event is taken")
        children = Process.children_of(self.host.pid)
        self.assertGreaterEqual(len(children), 2, "one for each function")
        self.assertTrue(all(child.lives() for child in children))
        self.host.kill()
        wait_until(lambda: not any(child.lives() for child in children), "all have ended",
                   CHILDREN_END_S)

    def is_taken(self, victim: str) -> bool:
        return self.host.count(victim, "records_ingested") == len(BEFORE) + 1
