# SPDX-License-Identifier: Apache-2.0
"""A stopped host that goes on, services killed, a store that is not what it was, lost replies."""
import shutil
import signal
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from faults import PARTITIONS, FaultTest
from support import Host, wait_until

STOPPED_S = 1.0  # After the other host has taken over.
MARKERS_S = 0.5  # For the broker to end the transactions that it has acknowledged.
REBUILD = {"on_state_loss": "rebuild"}


class Outages:
    delivery: str

    def totals(self, host: Host, *names: str) -> int:
        return sum(host.count(self.function, *name.split(".")) for name in names)

    def test_stopped_past_its_session(self) -> None:
        proxy = self.redis_proxy()
        stopped = self.counting("a", proxy.redis_url).start()
        other = self.counting("b").start()
        self.wait_shared(stopped, other)
        for held_back in (False, True):  # Whether its last commits arrive after it is superseded.
            self.wait_progress()
            if held_back:
                proxy.signal(signal.SIGSTOP)
                self.pace(0.2)
            stopped.signal(signal.SIGSTOP)
            self.feed_until(lambda: other.partitions(self.function) == PARTITIONS, "taken over")
            self.pace(STOPPED_S)
            if held_back:
                proxy.signal(signal.SIGCONT)
                self.pace(STOPPED_S)
                self.hit("late commits of a superseded host")
            stopped.signal(signal.SIGCONT)
            self.hit("stopped past its session, then continued")
            self.pace(STOPPED_S)
            self.wait_shared(stopped, other)
        self.check("stopped past its session, then continued", "late commits of a superseded host")

    def killed_under_load(self, service: str, kill: Callable[[Host], None]) -> None:
        host = self.counting().start()
        self.wait_ready(host)
        for _ in range(2):
            self.wait_progress()
            kill(host)
            self.pace(0.5)
            self.stack.start(service)
            self.hit(f"{service} killed")
            self.wait_progress()
        self.check(f"{service} killed")

    def test_redis_killed(self) -> None:
        self.killed_under_load("redis", lambda _: self.stack.kill("redis"))

    def kill_broker(self, host: Host) -> None:
        """While the host stands still, at any step, also with a transaction open.

        A transaction that was acknowledged gets its markers first: a single node that is killed
        before may forget them when it starts (docs/guarantees.md, What is not covered).
        """
        host.signal(signal.SIGSTOP)
        time.sleep(MARKERS_S)
        self.stack.kill("kafka")
        host.signal(signal.SIGCONT)

    def test_broker_killed(self) -> None:
        self.killed_under_load("kafka", self.kill_broker)

    def test_replies_of_redis_lost(self) -> None:
        proxy = self.redis_proxy()
        host = self.counting(redis_url=proxy.redis_url).start()
        self.wait_ready(host)
        for _ in range(3):
            self.wait_progress()
            before = self.applied(self.function, self.topic)
            proxy.tell("hole")
            self.feed_until(lambda: self.applied(self.function, self.topic) != before,
                            "a commit whose reply is lost")
            proxy.tell("drop")
            proxy.tell("pass")
            self.hit("reply of Redis lost")
        self.check("reply of Redis lost")

    # A store that is not what it was.

    def append_only_files(self) -> Path:
        return Path(self.redis.command("CONFIG", "GET", "dir")[1]) / "appendonlydir"

    def everything_published(self) -> bool:
        return self.committed(self.group, self.topic) == self.ends(self.topic)

    def back_to(self, copy: Path) -> None:
        files = self.append_only_files()
        self.stack.kill("redis")
        shutil.rmtree(files)
        shutil.copytree(copy, files)
        self.stack.start("redis")

    def test_an_earlier_file_of_redis(self) -> None:
        host = self.counting().start()
        self.wait_ready(host)
        for again in range(2):
            self.wait_progress()
            copy = self._folder / f"{self._testMethodName}-{again}"
            shutil.copytree(self.append_only_files(), copy)
            self.wait_progress()
            self.fed.flush()
            wait_until(self.everything_published, "outputs beyond the copy are published")
            reruns = self.totals(host, "events_rerun")
            self.back_to(copy)
            self.hit("append-only file copied back")
            self.wait_progress()
            self.assertGreater(self.totals(host, "events_rerun"), reruns)
        self.assertGreater(self.totals(host, "outputs_suppressed"), 0)
        self.assertGreater(self.totals(host, "recoveries.went-back"), 0)
        self.assertIn("went back in time", host.log())
        self.check("append-only file copied back")

    def test_everything_in_redis_flushed(self) -> None:
        host = self.counting(**REBUILD).start()
        self.wait_ready(host)
        for _ in range(2):
            self.wait_progress()
            self.redis.command("FLUSHALL")
            self.hit("FLUSHALL")
            self.wait_progress()
        self.assertGreater(self.totals(host, "recoveries.rebuild"), 0)
        self.check("FLUSHALL")

    def test_everything_in_redis_flushed_is_refused_by_default(self) -> None:
        host = self.counting().start()
        self.wait_ready(host)
        self.wait_progress()
        self.redis.command("FLUSHALL")
        self.feed_until(lambda: host.function(self.function)["state"] == "refused", "a refusal")
        reason = host.function(self.function)["reason"]
        for words in ("applied: none", "committed offset", "restore"):
            self.assertIn(words, reason)
        self.assertEqual(self.redis.command("KEYS", "*:s:*"), [], "it began anew")


class ExactlyOnce(Outages, FaultTest):
    delivery = "exactly_once"


class AtLeastOnce(Outages, FaultTest):
    delivery = "at_least_once"


if __name__ == "__main__":
    unittest.main()
