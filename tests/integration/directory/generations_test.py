# SPDX-License-Identifier: Apache-2.0
"""Generations of a library: swapped without a rebalance, refused, gone back to."""
import time
from collections.abc import Callable
from pathlib import Path

from load import PARTITIONS, check_counted_once, load_on, mark_of
from directory_support import StackTest, hostile, kafka_function, marked, run, wait_until
from kafka_client import Record

DONE, FAILURE, UNAVAILABLE = 0, 1, 69
ROLLED_BACK = "rolled-back-for-errors"
LIBRARIES_PER_PROCESS = 64
BUSY_MS = 5_000


class Generations(StackTest):
    def running(self, name: str, partitions: int = 1, **keys: object):
        """A host with one function of this name, which counts the events of NAME.in."""
        self.topics(partitions, f"{name}.in", f"{name}.out")
        host = self.started()
        host.put_library(marked("one"), name)
        host.put_yaml({name: kafka_function(f"{name}.in", outputs={"out": f"{name}.out"}, **keys)},
                      name)
        host.wait_state(name, "running")
        wait_until(lambda: self.members(name), f"{name} is in its group")
        return host

    def group_generation(self, name: str) -> int:
        return self.kafka.describe_group(f"millrace.default.{name}")["generation"]

    def wait_generation(self, host, name: str, number: int) -> None:
        wait_until(lambda: (number, "running") in host.history(name), f"{number} runs")

    @staticmethod
    def swaps(host, name: str, result: str) -> int:
        wanted = f'millrace_swaps_total{{function="{name}",result="{result}"}} '
        lines = host.ask("GET", "/metrics")[1].splitlines()
        return int(next(line for line in lines if line.startswith(wanted)).removeprefix(wanted))

    @staticmethod
    def command(host, *arguments: str):
        return run("function", *arguments, "--server", f"127.0.0.1:{host.port}")

    def test_swaps_and_rollbacks_under_load_lose_nothing_and_rebalance_nothing(self) -> None:
        self.swap_and_roll_back("back", self.records.read)

    def test_swaps_and_rollbacks_under_load_with_outputs_exactly_once(self) -> None:
        self.swap_and_roll_back("exact", self.read_committed, delivery="exactly_once")

    def swap_and_roll_back(self, name: str, read: Callable[[str], list[Record]],
                           **keys: object) -> None:
        """`read`: what a reader of its outputs sees."""
        host = self.running(name, PARTITIONS, lanes=2, **keys)
        out = f"{name}.out"
        load = load_on(self, name)
        group_generation = self.group_generation(name)
        for turn in range(5):
            # What was gone back from stays so, until other bytes come.
            build, mark = (("two", 2), ("three", 8))[turn % 2]
            host.put_library(marked(build), name)
            self.wait_generation(host, name, 2 + turn)
            wait_until(lambda m=mark: mark_of(read(out)[-1]) == m, build)
            done = self.command(host, "rollback", name)
            self.assertEqual((done.returncode, done.stderr), (DONE, ""))
            self.assertIn(f"{name} runs generation 1 (", done.stdout)
            wait_until(lambda: mark_of(read(out)[-1]) == 1, "one works")
        load.stop()
        check_counted_once(self, name, f"{name}.in", out, load.sent, read)
        self.assertEqual(self.group_generation(name), group_generation)
        self.assertEqual(self.swaps(host, name, "swapped"), 5)
        self.assertEqual(self.swaps(host, name, "rolled-back"), 5)
        self.assertEqual(self.swaps(host, name, ROLLED_BACK), 0)

    def test_a_process_that_has_loaded_many_libraries_gives_way_to_another(self) -> None:
        host = self.running("many", PARTITIONS, lanes=2)
        load = load_on(self, "many")
        group_generation = self.group_generation("many")
        pids, began = [host.function("many")["pid"]], time.monotonic()
        for number in range(2, LIBRARIES_PER_PROCESS + 4):
            host.put_library(self.another(number), "many")
            self.wait_generation(host, "many", number)
            pids.append(host.function("many")["pid"])
        self.measured(f"{len(pids) - 1} swaps", time.monotonic() - began)
        changes = [at for at in range(1, len(pids)) if pids[at] != pids[at - 1]]
        self.assertEqual(changes, [LIBRARIES_PER_PROCESS], pids)
        load.stop()
        check_counted_once(self, "many", "many.in", "many.out", load.sent)
        self.assertEqual(host.function("many")["restarts"], 0)
        self.assertEqual(self.group_generation("many"), group_generation)
        self.assertEqual(self.swaps(host, "many", "swapped"), len(pids) - 1)
        host.wait_ready()

    def another(self, number: int) -> Path:
        """A library that no other number gives: what follows the last section is of no effect."""
        file = self.folder / f"{number}.so"
        file.write_bytes(marked(("one", "two")[number % 2]).read_bytes() + b"number %d" % number)
        return file

    def test_rollback_leads_to_a_named_generation_or_says_why_not(self) -> None:
        host = self.running("named")
        for number, build in ((2, "two"), (3, "extra")):
            host.put_library(marked(build), "named")
            self.wait_generation(host, "named", number)
        self.assertEqual(host.history("named"),
                         [(1, "retired"), (2, "retired"), (3, "running")])
        done = self.command(host, "rollback", "named", "--to", "1")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.send("named.in", "x")
        self.wait_values("named.out", ["1:1"])
        self.assertEqual(host.history("named"),
                         [(1, "running"), (2, "retired"), (3, "retired")])
        for arguments, code, reason in (
                (["named"], FAILURE, "there is nothing to go back to"),
                (["named", "--to", "1"], FAILURE, "generation 1 is what runs"),
                (["named", "--to", "9"], FAILURE, "this host has had no generation 9"),
                (["nobody"], FAILURE, "no function 'nobody'")):
            with self.subTest(reason):
                done = self.command(host, "rollback", *arguments)
                self.assertEqual((done.returncode, done.stdout), (code, ""))
                self.assertIn(reason, done.stderr)
        done = self.command(host, "rollback", "named", "--to", "3")
        self.assertEqual(done.returncode, DONE, "forward")
        self.send("named.in", "y")
        self.wait_values("named.out", ["1:1", "3:2"])
        host.wait_ready()
        self.assertEqual(run("function", "list", "--server", "127.0.0.1:1").returncode, UNAVAILABLE)

    def test_list_and_history_show_what_became_of_every_library(self) -> None:
        host = self.running("shown")
        (host.functions_dir / "shown.so").write_bytes(marked("two").read_bytes()[:5000])
        wait_until(lambda: (None, "refused") in host.history("shown"), "it is refused")
        host.put_library(marked("no_start"), "shown")
        wait_until(lambda: (2, "refused") in host.history("shown"), "it is refused")
        host.put_library(marked("two"), "shown")
        self.wait_generation(host, "shown", 3)
        self.send("shown.in", "x")
        self.wait_values("shown.out", ["2:1"])
        wait_until(lambda: host.function("shown")["tasks"][0]["topics"][0] ==
                   {"topic": "shown.in", "applied": 1, "lag": 0}, "no lag")
        host.wait_ready()
        done = self.command(host, "history", "shown")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split(), ["GENERATION", "HASH", "STATE", "SINCE", "REASON"])
        today = time.strftime("%Y-%m-%dT", time.gmtime())
        hashes = {g["number"]: g["hash"] for g in host.function("shown")["generations"]}
        for line, number, state, reason in zip(
                lines[1:], ("1", "-", "2", "3"), ("retired", "refused", "refused", "running"),
                ("", "shown.so", "no instance today", ""), strict=True):
            cells = line.split()
            known = hashes[None if number == "-" else int(number)] or "-"
            self.assertEqual(cells[:3], [number, known, state])
            self.assertTrue(cells[3].startswith(today), line)
            self.assertIn(reason, line)
        listed = self.command(host, "list").stdout.splitlines()
        self.assertEqual(listed[0].split(), ["NAME", "STATE", "GENERATIONS", "TASKS", "LAG", "REASON"])
        self.assertEqual(listed[1].split(),
                         ["shown", "running", "3", hashes[3], "running", "1", "0"])
        self.assertEqual(self.swaps(host, "shown", "refused"), 2)

    def test_a_first_library_that_is_refused_is_shown(self) -> None:
        self.topics(1, "first.in", "first.out")
        host = self.started()
        host.put_library(hostile("constructor_throws"), "first")
        host.put_yaml({"first": kafka_function("first.in", outputs={"out": "first.out"})}, "first")
        host.wait_state("first", "refused")
        listed = self.command(host, "list").stdout.splitlines()
        self.assertRegex(listed[1], r"^first +refused +- - refused +0 +0 .*first\.so")
        self.assertEqual(self.swaps(host, "first", "refused"), 1)
        self.assertIn('millrace_function_generations{function="first",state="refused"} 1\n',
                      host.ask("GET", "/metrics")[1])

    def test_a_generation_drains_while_a_lane_is_busy_with_it(self) -> None:
        self.topics(2, "busy.in", "busy.out")
        host = self.started()
        host.put_library(hostile("slow"), "busy")
        host.put_yaml({"busy": kafka_function("busy.in", outputs={"out": "busy.out"}, lanes=2)},
                      "busy")
        host.wait_state("busy", "running")
        wait_until(lambda: self.members("busy"), "it is in its group")
        self.send("busy.in", str(BUSY_MS))  # To one partition, so for one lane.
        wait_until(lambda: host.function("busy")["counters"]["records_ingested"], "it is called")
        other = host.folder / "other.so"  # Other bytes of the same library.
        other.write_bytes(hostile("slow").read_bytes() + b"!")
        host.put_library(other, "busy")
        wait_until(lambda: host.history("busy") == [(1, "draining"), (2, "running")],
                   "the other lane has taken the next one")
        listed = self.command(host, "list").stdout.splitlines()[1]
        self.assertRegex(listed, r" 1 [0-9a-f]{12} draining, 2 [0-9a-f]{12} running ")
        self.wait_values("busy.out", [str(BUSY_MS)])
        wait_until(lambda: host.history("busy") == [(1, "retired"), (2, "running")],
                   "both lanes have")

    def test_a_library_whose_instances_do_not_start_leaves_the_former_at_work(self) -> None:
        host = self.running("start", PARTITIONS, lanes=2)
        group_generation = self.group_generation("start")
        host.put_library(marked("no_start"), "start")
        wait_until(lambda: (2, "refused") in host.history("start"), "it is refused")
        self.assertIn("no instance today", host.problems())
        self.assertEqual(host.generation("start"), 1)
        self.send("start.in", "x")
        self.wait_values("start.out", ["1:1"])
        host.put_library(marked("two"), "start")
        self.wait_generation(host, "start", 3)
        host.wait_ready()
        self.send("start.in", "x")
        self.wait_values("start.out", ["1:1", "2:2"])
        self.assertEqual(self.group_generation("start"), group_generation)

    def test_a_rebalance_while_new_lanes_do_not_start(self) -> None:
        host = self.running("joins", PARTITIONS)
        host.put_library(marked("no_slow_start"), "joins")
        wait_until(lambda: (2, "admitted") in host.history("joins"), "lanes are made anew")
        other = self.started()
        other.put_library(marked("one"), "joins")
        other.put_yaml({"joins": kafka_function("joins.in", outputs={"out": "joins.out"})}, "joins")
        wait_until(lambda: len(self.members("joins")) == 2, "the other joins")
        self.assertNotIn((2, "refused"), host.history("joins"), "the start has ended before")
        wait_until(lambda: (2, "refused") in host.history("joins"), "it is refused")
        for one in (host, other):
            wait_until(lambda h=one: [t["state"] for t in h.function("joins")["tasks"]] ==
                       ["running"] * (PARTITIONS // 2), "each has its half")
        for partition in range(PARTITIONS):
            self.send("joins.in", "x", partition=partition, key=b"%d" % partition)
        self.wait_values("joins.out", ["1:1"] * PARTITIONS)

    def test_a_generation_that_fails_too_often_is_rolled_back_by_itself(self) -> None:
        host = self.running("fails")
        self.send("fails.in", "a", "b")
        self.wait_values("fails.out", ["1:1", "1:2"])
        group_generation = self.group_generation("fails")
        host.put_library(marked("retries"), "fails")
        self.wait_generation(host, "fails", 2)
        self.send("fails.in", "c", "d")
        self.wait_values("fails.out", ["1:1", "1:2", "1:3", "1:4"])
        wait_until(lambda: host.history("fails") == [(1, "running"), (2, "retired")], "back")
        self.assertIn("3 of its 3 calls failed, more than swap.max_error_rate 0.5 allows",
                      host.problems())
        self.assertIn("goes back to generation 1", host.log())
        self.assertEqual(self.swaps(host, "fails", ROLLED_BACK), 1)
        self.assertEqual(self.group_generation("fails"), group_generation)
        host.put_library(marked("two"), "fails")
        host.wait_ready()
        self.send("fails.in", "e")
        self.wait_values("fails.out", ["1:1", "1:2", "1:3", "1:4", "2:5"])

    def test_a_generation_that_stops_the_function_is_rolled_back_by_itself(self) -> None:
        host = self.running("stops", PARTITIONS, lanes=2)
        group_generation = self.group_generation("stops")
        host.put_library(marked("stops"), "stops")
        self.wait_generation(host, "stops", 2)
        self.send("stops.in", "a")
        self.wait_values("stops.out", ["1:1"])
        wait_until(lambda: host.history("stops") == [(1, "running"), (2, "retired")], "back")
        self.assertIn("generation 2 (", host.problems())
        self.assertIn("was rolled back to 1: ", host.problems())
        self.assertEqual(self.group_generation("stops"), group_generation)

    def test_after_its_watch_a_generation_stays_and_is_rolled_back_by_hand(self) -> None:
        host = self.running("late", swap={"watch": "0ms"})
        host.put_library(marked("stops"), "late")
        self.wait_generation(host, "late", 2)
        self.send("late.in", "a")
        host.wait_state("late", "stopped")
        done = self.command(host, "rollback", "late")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.wait_values("late.out", ["1:1"])
        host.wait_ready()
        self.assertEqual(self.swaps(host, "late", "rolled-back"), 1)

    def test_the_history_outlives_a_change_of_the_yaml(self) -> None:
        host = self.running("keeps")
        host.put_library(marked("two"), "keeps")
        self.wait_generation(host, "keeps", 2)
        host.put_yaml({"keeps": kafka_function("keeps.in", outputs={"out": "keeps.out"}, lanes=2)},
                      "keeps")
        self.wait_generation(host, "keeps", 3)
        self.assertEqual(host.history("keeps"),
                         [(1, "retired"), (2, "retired"), (3, "running")])
        self.assertEqual(self.command(host, "rollback", "keeps", "--to", "1").returncode, DONE)
        self.send("keeps.in", "x")
        self.wait_values("keeps.out", ["1:1"])

    def test_a_library_that_cannot_read_the_state_is_refused_forth_and_back(self) -> None:
        host = self.running("versions")
        self.send("versions.in", "a")
        self.wait_values("versions.out", ["1:1"])
        group_generation = self.group_generation("versions")
        host.put_library(marked("version_three"), "versions")
        wait_until(lambda: (2, "refused") in host.history("versions"), "it is refused")
        self.assertIn("holds state of versions 1 to 1; the library reads 3 to 3", host.problems())
        self.send("versions.in", "b")
        self.wait_values("versions.out", ["1:1", "1:2"])
        host.put_library(marked("version_two"), "versions")
        self.wait_generation(host, "versions", 3)
        self.send("versions.in", "c")
        self.wait_values("versions.out", ["1:1", "1:2", "9:3"])
        done = self.command(host, "rollback", "versions", "--to", "1")
        self.assertEqual((done.returncode, done.stdout), (FAILURE, ""))
        self.assertIn("holds state of versions 1 to 2; the library reads 1 to 1", done.stderr)
        self.send("versions.in", "d")
        self.wait_values("versions.out", ["1:1", "1:2", "9:3", "9:4"])
        self.assertEqual(self.group_generation("versions"), group_generation)
