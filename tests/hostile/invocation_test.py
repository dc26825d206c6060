# SPDX-License-Identifier: Apache-2.0
"""Invocations over HTTP that end the function's process or do not come back."""
from directory_support import wait_until
from victim import ABRT, AFTER, BEFORE, KILL, MAX_CRASHES, SEGV, ProcessTest


class Invocations(ProcessTest):
    """Over HTTP, in the process that has the lanes: who asked is told, and no record is charged."""

    def fails(self, library: str, bad: str, how: str, **keys: object) -> str:
        victim = self.victim_at_work(library, stored=True, **keys)
        for done in range(1, MAX_CRASHES + 1):
            self.send(f"{victim}.in", f"before {done}")
            status, answer = self.invoke(victim, bad)
            self.assertEqual(status, 503, answer)
            self.assertIn(f"the function's process {how}", answer["detail"])
            self.wait_restarted(victim, done)
            self.assertEqual(self.times_told(victim, how, "an invocation over HTTP"), done)
        self.send(f"{victim}.in", *AFTER)
        values = [*BEFORE, *(f"before {n}" for n in range(1, MAX_CRASHES + 1)), *AFTER]
        wait_until(lambda: AFTER[-1] in self.values(f"{victim}.out"), "the lanes work on")
        # What was not committed at the crash comes again.
        self.assertEqual(list(dict.fromkeys(self.values(f"{victim}.out"))), values)
        self.assertEqual(self.aside(victim), {})
        self.assertEqual(self.invoke(victim, "a")[1]["outcome"], "done")
        self.check_goes_on(victim, self.values(f"{victim}.out"))
        return victim

    def invoke(self, victim: str, value: str) -> tuple[int, dict]:
        """A process that has just been started may not know the partitions of the topic yet."""
        def answer() -> tuple[int, dict] | None:
            status, told = self.host.invoke(victim, {"key": "k", "value": value})
            return None if "has not told yet" in told.get("detail", "") else (status, told)

        return wait_until(answer, "the handler is called")

    def wait_restarted(self, victim: str, times: int) -> None:
        def seen() -> tuple[str, int]:
            told = self.host.function(victim)
            return told["state"], told["restarts"]

        wait_until(lambda: seen() == ("running", times), f"it was started again {times} times")

    def test_a_write_through_a_null_pointer(self) -> None:
        self.fails("segfault", "segv", SEGV)

    def test_a_loop_without_end(self) -> None:
        victim = self.fails("loops", "loop", ABRT, limits={"timeout": "500ms"})
        self.assertEqual(self.times_told(
            victim, "an invocation over HTTP for longer than limits.timeout (500 ms)"), MAX_CRASHES)

    def test_a_loop_that_ignores_the_abort(self) -> None:
        self.fails("loops", "deaf", KILL, limits={"timeout": "500ms"})
