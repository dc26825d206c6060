# SPDX-License-Identifier: Apache-2.0
"""Kafka or Redis away, at the start and later; replies of Redis lost or late."""
import time
import unittest

import edits
from counting import EDITS, PAGES, CountingTest
from support import Host, wait_until

RATIO_RECORDS = 200_000
RATIO_MIN = 0.6  # The benchmark wants 0.8 on a quiet machine.
DELAY_MS = 5


class Outage(CountingTest):
    def address(self, service: str) -> str:
        return f"127.0.0.1:{self.stack.status()[service]['port']}"

    def wait_named(self, host: Host, address: str) -> None:
        wait_until(lambda: any(address in reason for reason in host.reasons()),
                   f"/readyz names {address}")
        self.assertEqual(host.get("/livez")[0], 200)

    def check_outages(self, service: str, name: str) -> None:
        """Away at the start, stopped, killed and paused under load; goes on by itself."""
        address = self.address(name)
        self.fed.flush()
        self.stack.stop(service)
        host = self.counting().start()
        self.wait_named(host, address)
        self.stack.start(service)
        self.wait_ready(host)
        self.give(1000)
        self.wait_done(host, 0)
        for end, begin in ((self.stack.stop, self.stack.start),
                           (self.stack.kill, self.stack.start),
                           (self.stack.pause, self.stack.resume)):
            self.pace(0.5)
            end(service)
            self.pace(1)
            self.wait_named(host, address)
            begin(service)
            self.wait_ready(host)
            done = self.done(host)
            self.pace(0.5)
            self.wait_done(host, done)
        self.assertTrue(host.alive)
        self.check_counts()
        self.assertEqual(host.terminate(), 0)

    def test_kafka_away(self) -> None:
        self.check_outages("kafka", "kafka-1")

    def test_redis_away(self) -> None:
        self.check_outages("redis", "redis")

    def test_replies_of_redis_lost(self) -> None:
        proxy = self.redis_proxy()
        host = self.counting(redis_url=proxy.redis_url).start()
        self.wait_ready(host)
        for _ in range(5):
            done = self.done(host)
            self.pace(0.3)
            self.wait_done(host, done)
            applied = self.applied(self.function, self.topic)
            proxy.tell("hole")  # Requests still arrive: applied, and nobody is told.
            self.pace(0.1)
            wait_until(lambda: self.applied(self.function, self.topic) != applied,
                       "a commit whose reply is lost")
            proxy.tell("drop")
            proxy.tell("pass")
        self.check_counts()

    def test_replies_of_redis_swallowed_until_the_time_out(self) -> None:
        proxy = self.redis_proxy()
        host = self.counting(redis_url=proxy.redis_url).start()
        self.wait_ready(host)
        self.pace(0.3)
        proxy.tell("hole")
        self.pace(0.5)
        wait_until(host.reasons, "the store's time-out in /readyz")
        proxy.tell("pass")
        self.pace(0.3)
        self.check_counts()

    def drain_rate(self, name: str, url: str) -> float:
        host = self.counting(name, url, {f"{self.function}-{name}": self.spec()}).start()
        function = f"{self.function}-{name}"
        wait_until(lambda: host.count(function, "invocations", "done") > 0, "a first event")
        began = time.monotonic()
        self.wait_all_applied(function, self.topic, 120)
        rate = RATIO_RECORDS / (time.monotonic() - began)
        self.assertEqual(host.terminate(), 0)
        return rate

    def test_late_replies_of_redis_cost_little(self) -> None:
        self.fed.send(edits.generate(EDITS, PAGES) * (RATIO_RECORDS // EDITS))
        self.fed.flush()
        prompt = self.drain_rate("prompt", self.redis_proxy().redis_url)
        late = self.drain_rate("late", self.redis_proxy(DELAY_MS).redis_url)
        print(f"{prompt:.0f} records/s, with {DELAY_MS} ms more per reply of Redis {late:.0f}: "
              f"ratio {late / prompt:.2f}", flush=True)
        self.assertGreater(late / prompt, RATIO_MIN)


if __name__ == "__main__":
    unittest.main()
