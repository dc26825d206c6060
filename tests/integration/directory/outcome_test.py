# SPDX-License-Identifier: Apache-2.0
"""What handlers answer, and what becomes of the record, its effects and its function."""
import time

from directory_support import StackTest, hostile, kafka_function, marked, wait_until

FIRST_BACKOFF_S = 0.1


class Outcome(StackTest):
    def running(self, partitions: int, libraries: dict[str, str], stateless=(), **keys):
        """A host with one function of each library, on topics of its own, once all run."""
        host = self.started()
        functions = {}
        for name, library in libraries.items():
            self.topics(partitions, f"{name}.in", f"{name}.out")
            host.put_library(hostile(library), name)
            outputs = {} if library in stateless else {"outputs": {"out": f"{name}.out"}}
            functions[name] = kafka_function(f"{name}.in", f"{name}.so", **outputs, **keys)
        host.put_yaml(functions, "all")
        for name in functions:
            host.wait_state(name, "running")
        return host

    def test_retry_backs_off_doubling_while_other_tasks_go_on(self) -> None:
        host = self.running(2, {"retry": "retry_then_done"})
        started = time.monotonic()
        self.send("retry.in", "a", "retry:5", "b", partition=0)
        seen = wait_until(lambda: host.function("retry")["retries"], "the retry is seen")[0]
        self.assertEqual((seen["topic"], seen["partition"], seen["offset"]), ("retry.in", 0, 1))
        self.assertIn("of 5", seen["reason"])
        self.assertIn("function retry task 0 retries retry.in/0@1", host.problems())
        self.send("retry.in", "other", partition=1)
        wait_until(lambda: "other" in self.values("retry.out"), "the other task goes on")
        self.assertNotIn("retry:5", self.values("retry.out"))
        attempts = set()

        def done():
            attempts.update(r["attempts"] for r in host.function("retry")["retries"])
            return "retry:5" in self.values("retry.out")

        wait_until(done, "the fifth attempt")
        took = time.monotonic() - started
        self.measured("four retries", took)
        self.assertGreater(took, FIRST_BACKOFF_S * (1 + 2 + 4 + 8) * 0.5)  # Half: jitter.
        self.assertGreaterEqual(len(attempts), 2, attempts)
        wait_until(lambda: {"a", "retry:5", "b"} <= set(self.values("retry.out")), "all of it")
        in_order = [v for v in self.values("retry.out") if v != "other"]
        self.assertEqual(in_order, ["a", "retry:5", "b"])
        self.assertEqual(host.function("retry")["counters"]["invocations"]["retry"], 4)
        host.wait_ready()

    def test_exception_is_a_retry_without_effects(self) -> None:
        host = self.running(1, {"throws": "throws"})
        self.send("throws.in", "fine", "std", "never reached")
        seen = wait_until(lambda: host.function("throws")["retries"], "the retry is seen")[0]
        self.assertIn("boom", seen["reason"])
        wait_until(lambda: host.function("throws")["retries"][0]["attempts"] >= 3, "again")
        self.assertEqual(len(self.values("throws.out")), 1)
        wait_until(lambda: self.states("throws", "last", 1) == {"k": "fine"}, "the state")
        wait_until(lambda: self.committed_by("throws", "throws.in") == [1], "the offset")
        self.assertEqual(self.applied("throws", "throws.in")[0], 1)

    def test_events_given_up_stop_the_function_and_are_never_passed(self) -> None:
        bad = {"fatal": ("outcomes", "fatal", "asked to stop"),
               "dead": ("outcomes", "dead-letter", "asked for a dead letter"),
               "unknown": ("outcomes", "unknown", "99"),
               "undeclared": ("throws", "undeclared", ""),
               "swallowed": ("throws", "swallowed", ""),
               "gives-up": ("dead_letter", "x", "never any good"),
               "raw-unknown": ("unknown_outcome", "x", "99"),
               "ignores": ("ignores_failure", "x", "")}
        host = self.running(2, {name: library for name, (library, _, _) in bad.items()},
                            ("dead_letter", "unknown_outcome", "ignores_failure"))
        for name, (library, value, _) in bad.items():
            good = ["done", "done"] if library in ("outcomes", "throws") else []
            self.send(f"{name}.in", *good, value, "done", partition=1)
        for name, (library, _, reason) in bad.items():
            with self.subTest(name):
                at = 2 if library in ("outcomes", "throws") else 0
                where = f"{name}.in/1@{at}"
                found = host.wait_state(name, "stopped")
                self.assertIn(where, found["reason"])
                self.assertIn(reason, found["reason"])
                self.assertIn(where, host.problems())
                self.assertIn(where, host.log())
                wait_until(lambda: not self.members(name), "it left its group")
                self.assertLessEqual(self.committed_by(name, f"{name}.in")[1], at)
                self.assertLessEqual(self.applied(name, f"{name}.in")[1], at)
                if library == "outcomes":
                    self.assertEqual(self.values(f"{name}.out"), ["done", "done"])
                    self.assertEqual(self.states(name, "last", 2), {"k": "done"})
                    self.assertEqual(self.applied(name, f"{name}.in")[1], at)
        self.assertEqual(host.terminate(), 0)

    def test_stopped_function_goes_on_with_a_new_library(self) -> None:
        host = self.running(1, {"mended": "outcomes"})
        self.send("mended.in", "done", "fatal", "done")
        host.wait_state("mended", "stopped")
        host.put_library(marked("one"), "mended")
        host.wait_state("mended", "running")
        self.wait_values("mended.out", ["done", "1:1", "1:2"])
        host.wait_ready()

    def test_dropped_event_is_passed_and_counted(self) -> None:
        host = self.running(1, {"drops": "outcomes"})
        self.send("drops.in", "done", "drop", "drop", "done")
        wait_until(lambda: self.committed_by("drops", "drops.in") == [4], "all four are done")
        self.assertEqual(self.values("drops.out"), ["done", "done"])
        counters = host.function("drops")["counters"]
        self.assertEqual((counters["dropped"], counters["invocations"]["done"]), (2, 2))
        self.assertIn('millrace_invocations_total{function="drops",outcome="drop"} 2',
                      host.get("/metrics")[1])
        host.wait_ready()

    def test_batch_settles_each_event_and_keeps_the_prefix(self) -> None:
        host = self.running(1, {"batch": "batch", "batch-stop": "batch"},
                            batch={"max_records": 100, "max_wait": "50ms"})
        self.send("batch.in", "a", "drop", "b", "retry", "c", "d")
        seen = wait_until(lambda: host.function("batch")["retries"], "it retries the fourth")[0]
        self.assertEqual(seen["offset"], 3)
        wait_until(lambda: self.applied("batch", "batch.in")[0] == 3, "the prefix is kept")
        self.assertEqual(self.values("batch.out"), ["1", "2"])  # The drop left no trace.
        self.assertEqual(self.states("batch", "seen", 1)["k"], "\2" + "\0" * 7)
        self.send("batch-stop.in", "a", "b", "fatal", "c")
        found = host.wait_state("batch-stop", "stopped")
        self.assertIn("batch-stop.in/0@2", found["reason"])
        self.assertEqual(self.values("batch-stop.out"), ["1", "2"])
        self.assertLessEqual(self.committed_by("batch-stop", "batch-stop.in")[0], 2)

    def test_batch_that_throws_is_a_retry_and_others_go_on(self) -> None:
        host = self.running(2, {"batch-throws": "batch"})
        self.send("batch-throws.in", "throw", partition=0)
        self.send("batch-throws.in", "fine", partition=1)
        seen = wait_until(lambda: host.function("batch-throws")["retries"], "it retries")[0]
        self.assertIn("the batch threw", seen["reason"])
        self.wait_values("batch-throws.out", ["1"])
