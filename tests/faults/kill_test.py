# SPDX-License-Identifier: Apache-2.0
"""kill -9 at named steps of the record's life: of a host, while another one is there to take over,
and of a function's own process, whose host starts it again."""
import os
import signal
import unittest

from faults import PARTITIONS, ROUNDS, FaultTest
from redis_tap import RedisTap
from support import Host, wait_until

PRODUCE, ADD_PARTITIONS, END, TXN_OFFSETS = 0, 24, 26, 28  # API keys of Kafka's protocol
IN_REDIS = {"after the poll": "read", "before the commit": "commit",
            "after the commit, its reply lost": "committed"}
IN_KAFKA = {
    "exactly_once": {
        "when the transaction begins": f"sent:{ADD_PARTITIONS}:4",
        "in the transaction, outputs on their way": f"sent:{PRODUCE}:6",
        "in the transaction, offsets in it": f"received:{TXN_OFFSETS}:4",
        "with the end of the transaction on its way": f"sent:{END}:5",
        "after the transaction": f"received:{END}:5"},
    "at_least_once": {
        "with outputs on their way": f"sent:{PRODUCE}:8",
        "after outputs were acknowledged, before the commit": f"received:{PRODUCE}:8"}}
IN_HANDLER = "in the handler"


def failpoints() -> dict:
    return {"plugin.library.paths": os.environ["FAILPOINTS"]}


class Kills:
    """Of hosts in which the function runs."""
    delivery: str

    def counting_inline(self, name: str, *more) -> Host:
        return self.counting(name, *more, isolation="inline")

    def dies(self, host: Host, at: str) -> None:
        """Works, with another host, until it is killed there."""
        self.feed_until(lambda: not host.alive, f"dies {at}")
        self.assertEqual(host.wait(), -signal.SIGKILL, at)
        self.hit(at)

    def die_in_handler(self, *hosts: Host) -> None:
        """Whoever has the key's partition."""
        self.give(1, f"die:{self._folder / self._testMethodName}-died")
        self.feed_until(lambda: not all(host.alive for host in hosts), "somebody dies")
        for host in hosts:
            if not host.alive:
                self.dies(host, IN_HANDLER)

    def start(self, host: Host, other: Host, failpoint: str = "") -> None:
        host.start({"FAILPOINT": failpoint} if failpoint else {})
        if failpoint:
            return  # It may be dead by now.
        self.wait_shared(host, other)
        self.wait_progress()

    def test_kill(self) -> None:
        self.tap = RedisTap(self.stack.status()["redis"]["port"])
        self.addCleanup(self.tap.close)
        other = self.counting_inline("b").start()
        self.wait_ready(other)
        victim = self.counting_inline("a", self.tap.redis_url, failpoints())
        for _ in range(ROUNDS):
            for at, step in IN_REDIS.items():
                self.start(victim, other)
                self.tap.arm(step, lambda: victim.pid)
                self.dies(victim, at)
            for at, failpoint in IN_KAFKA[self.delivery].items():
                self.start(victim, other, failpoint)
                self.dies(victim, at)
        self.start(victim, other)
        self.die_in_handler(victim, other)
        self.check(*IN_REDIS, *IN_KAFKA[self.delivery], IN_HANDLER)


class ProcessKills:
    """Of processes that have a function's lanes; the group notices none of them."""
    delivery: str

    def test_kill_of_its_process(self) -> None:
        self.tap = RedisTap(self.stack.status()["redis"]["port"])
        self.addCleanup(self.tap.close)
        host = self.counting("a", self.tap.redis_url, failpoints())
        for _ in range(ROUNDS):
            host.start()
            self.wait_ready(host)
            for at, step in IN_REDIS.items():
                before = host.function(self.function)["restarts"]
                self.tap.arm(step, lambda: host.function(self.function)["pid"])
                self.is_restarted(host, before, at)
            self.assertEqual(host.terminate(), 0)
            for at, failpoint in IN_KAFKA[self.delivery].items():
                once = host.folder / "once"
                once.touch()
                host.start({"FAILPOINT": failpoint, "FAILPOINT_ONCE": str(once)})
                self.is_restarted(host, 0, at)
                self.assertEqual(host.terminate(), 0)
        host.start()
        self.check(*IN_REDIS, *IN_KAFKA[self.delivery])

    def is_restarted(self, host: Host, before: int, at: str) -> None:
        """In the same membership, and works."""
        wait_until(lambda: host.partitions(self.function) == PARTITIONS, "its tasks are there")
        generation = self.kafka.describe_group(self.group)["generation"]
        self.feed_until(lambda: host.function(self.function)["restarts"] > before, f"dies {at}")
        self.wait_progress()
        self.assertEqual(self.kafka.describe_group(self.group)["generation"], generation)
        self.hit(at)


class ExactlyOnce(Kills, ProcessKills, FaultTest):
    delivery = "exactly_once"

    def test_change_to_at_least_once(self) -> None:
        """What exactly once has committed and not published is published by the other mode."""
        at = "when the transaction begins"
        host = self.counting_inline("a", "", failpoints())
        host.start({"FAILPOINT": IN_KAFKA[self.delivery][at]})
        self.dies(host, at)
        left = sum(self.redis.command("HLEN", f"{self.task_key(self.function, p)}:o")
                   for p in PARTITIONS)
        self.assertGreater(left, 0, "nothing is left to publish")
        self.delivery = "at_least_once"
        self.counting("b").start()
        self.wait_progress()
        self.check(at)


class AtLeastOnce(Kills, ProcessKills, FaultTest):
    delivery = "at_least_once"


if __name__ == "__main__":
    unittest.main()
