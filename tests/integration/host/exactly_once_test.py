# SPDX-License-Identifier: Apache-2.0
"""A function under exactly_once: what a read_committed reader sees is what the inputs give."""
import signal
import time
import unittest

from counting import PARTITIONS, CountingTest
from outputs import check_exact_outputs
from support import PACE_CHUNK, PACE_S, Host, tests_library, wait_until


class ExactlyOnce(CountingTest):
    def spec(self, **changes) -> dict:
        return super().spec(**{"delivery": "exactly_once", **changes})

    def transactions(self, host: Host, result: str = "committed") -> int:
        return host.count(self.function, "transactions", result)

    def test_each_output_once_and_a_clean_stop(self) -> None:
        host = self.counting().start()
        self.wait_ready(host)
        self.pace(1)
        self.check_exact()
        self.assertEqual(host.function(self.function)["delivery"], "exactly_once")
        self.assertGreater(self.transactions(host), 1)
        self.pace(0.3)
        self.assertEqual(host.terminate(), 0)
        self.assertEqual(self.committed(self.group, self.topic),
                         self.applied(self.function, self.topic))
        host.start()
        self.pace(0.3)
        self.check_exact()
        self.assertEqual(host.function(self.function)["counters"]["recoveries"]["went-back"], 0)

    def test_kills_and_take_overs(self) -> None:
        first, second = self.counting("a").start(), self.counting("b").start()
        self.wait_shared(first, second)
        for killed, other in ((first, second), (second, first)):
            self.pace(0.5)
            killed.kill()
            self.pace(0.5)
            wait_until(lambda host=other: host.partitions(self.function) == PARTITIONS,
                       "everything taken over")
            self.pace(0.5)
            killed.start()
            self.wait_shared(first, second)
        self.check_exact()

    def test_hosts_join_and_leave_under_load(self) -> None:
        first, second = self.counting("a").start(), self.counting("b")
        self.wait_ready(first)
        for _ in range(2):
            self.pace(0.5)
            second.start()
            self.wait_shared(first, second)
            self.pace(0.5)
            second.signal(signal.SIGTERM)
            self.pace(0.5)
            self.assertEqual(second.wait(), 0)
            self.wait_ready(first)
        self.check_exact()

    def test_a_function_without_state(self) -> None:
        spec = self.spec(library=tests_library("slow"), outputs={"out": self.output})
        host = self.counting(functions={self.function: spec}).start()
        self.wait_ready(host)
        for _ in range(2):
            for _ in range(10):
                self.fed.send([(f"key {n}", "0") for n in range(PACE_CHUNK)])
                time.sleep(PACE_S)
            host.kill()
            host.start()
        self.fed.flush()
        ends = self.ends(self.topic)
        wait_until(lambda: self.committed(self.group, self.topic) == ends, "everything published")
        check_exact_outputs(self, self.dump(self.topic), self.dump(self.output),
                            lambda records: [(r["key"], r["value"]) for r in records])
        self.assertEqual(self.redis.command("KEYS", self.task_key(self.function, 0) + "*"), [])

    def test_an_output_that_is_an_input(self) -> None:
        """Every event calls the function again, so often as its value says."""
        trigger = {"kafka": {"topics": [self.topic, self.output], "start": "earliest"}}
        spec = self.spec(library=tests_library("countdown"), triggers=[trigger],
                         outputs={"out": self.output})
        host = self.counting(functions={self.function: spec}).start()
        self.wait_ready(host)
        keys, times = 40, 5
        for _ in range(3):
            self.fed.send([(f"key {n}", str(times)) for n in range(keys)])
            time.sleep(0.2)
            host.kill()
            host.start()
        wanted = {f"key {n}": str(3 * (times + 1)) for n in range(keys)}
        wait_until(lambda: self.states(self.function, "counts") == wanted, "every call counted")
        time.sleep(0.3)
        self.assertEqual(self.states(self.function, "counts"), wanted)
        self.assertEqual(len(self.dump(self.output)), 3 * keys * times)


if __name__ == "__main__":
    unittest.main()
