# SPDX-License-Identifier: Apache-2.0
"""Several hosts in one group, and how a host ends."""
import signal
import time
import unittest

from counting import PARTITIONS, CountingTest
from support import HEARTBEAT_MS, SESSION_MS, Stopwatch, tests_library, wait_until

HAND_OVER_S = 2.0
DRAIN_S = 10.0
AT_ONCE_S = 1.0
SLACK_S = 3.0  # For the broker to notice and the other host to join again.


class Hosts(CountingTest):
    def test_a_host_that_stops_hands_over_within_two_seconds(self) -> None:
        first, second = self.counting("a").start(), self.counting("b").start()
        self.wait_shared(first, second)
        self.give(2000)
        self.wait_done(second, 0)
        watch = Stopwatch()
        first.signal(signal.SIGTERM)
        wait_until(lambda: second.partitions(self.function) == PARTITIONS, "everything handed over")
        self.check_within(HAND_OVER_S, watch, watch.seconds(), "handed over")
        self.assertEqual(first.wait(), 0)
        members = self.kafka.describe_group(self.group)["members"]
        self.assertEqual(len(members), 1, members)
        self.give(1000)
        self.check_counts()

    def test_a_killed_host_is_taken_over_from_applied(self) -> None:
        first, second = self.counting("a").start(), self.counting("b").start()
        self.wait_shared(first, second)
        self.give(3000)
        self.wait_done(first, 0)
        first.kill()
        watch = Stopwatch()
        self.give(1000)
        wait_until(lambda: second.partitions(self.function) == PARTITIONS, "everything taken over")
        self.check_within((SESSION_MS + HEARTBEAT_MS) / 1000 + SLACK_S, watch, watch.seconds(),
                          "taken over")
        self.check_counts()

    def test_a_stop_under_load_commits_what_it_has_done(self) -> None:
        host = self.counting(drain_timeout=f"{DRAIN_S:.0f}s").start()
        self.wait_ready(host)
        self.give(40_000)
        self.wait_done(host, 0)
        began = time.monotonic()
        self.assertEqual(host.terminate(), 0)
        self.assertLess(time.monotonic() - began, DRAIN_S)
        self.fed.flush()
        applied = self.applied(self.function, self.topic)
        left = sum(self.ends(self.topic)) - sum(applied)
        print(f"stopped with {left} edits to come", flush=True)
        self.assertGreater(left, 0, "not under load")
        self.assertEqual(self.committed(self.group, self.topic), applied)
        outputs = self.dump(self.output)
        done = {record["headers"]["millrace-id"] for record in outputs}
        self.assertEqual((len(outputs), len(done)), (sum(applied), sum(applied)))
        self.assertEqual(self.kafka.describe_group(self.group)["members"], [])
        host.start()
        self.check_counts()

    def slow(self, **host: str):
        """A host whose handler is in an event of half a minute."""
        started = self.counting(functions={self.function: self.spec(
            library=tests_library("slow"), outputs={"out": self.output})}, **host).start()
        self.fed.send([("key", "30000")])
        wait_until(lambda: started.count(self.function, "records_ingested") == 1, "the event")
        return started

    def test_a_second_sigterm_ends_at_once(self) -> None:
        host = self.slow(drain_timeout="60s")
        host.signal(signal.SIGTERM)
        wait_until(lambda: "stopping: every function drains" in host.log(), "the drain")
        self.assertTrue(host.alive)
        watch = Stopwatch()
        host.signal(signal.SIGTERM)
        self.assertNotEqual(host.wait(), 0)
        self.check_within(AT_ONCE_S, watch, watch.seconds(), "ended by the second signal")

    def test_a_stop_takes_no_longer_than_drain_timeout(self) -> None:
        host = self.slow(drain_timeout="500ms")
        watch = Stopwatch()
        self.assertNotEqual(host.terminate(), 0)
        self.check_within(0.5 + AT_ONCE_S, watch, watch.seconds(), "ended by drain_timeout")
        self.assertIn("not drained within 500 ms", host.log())


if __name__ == "__main__":
    unittest.main()
