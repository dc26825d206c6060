# SPDX-License-Identifier: Apache-2.0
"""Outputs that an at_least_once function wrote twice, dropped by the function that reads them."""
import collections
import itertools
import unittest

from support import PACE_CHUNK, Host, HostTest, tests_library, wait_until

TOPICS = IN, BETWEEN, OUT = "repeats.in", "repeats.between", "repeats.out"
WRITER, READER, PASSER = "writer", "reader", "passer"
KEYS = 300


class Repeats(HostTest):
    def counts(self, source: str, output: str, library: str = "counts", interval: str = "50ms",
               **trigger) -> dict:
        return {"library": tests_library(library), "commit_interval": interval,
                "triggers": [{"kafka": {"topics": [source], "start": "earliest", **trigger}}],
                "outputs": {"out": output}}

    def reading(self) -> Host:
        """A function with state, and one without, that drop repeats."""
        return self.host(self.config(
            {READER: self.counts(BETWEEN, OUT, deduplicate=True),
             PASSER: self.counts(BETWEEN, OUT, "slow", deduplicate=True)}), "reader")

    def give(self, count: int) -> None:
        self.fed.send([(f"key {next(self.numbers) % KEYS}", "0") for _ in range(count)])

    def lose_store(self) -> None:
        """What is published and not committed is published again."""
        self.fed.flush()
        self.wait_all_applied(WRITER, IN)
        before = len(self.dump(BETWEEN))
        self.give(PACE_CHUNK)
        self.fed.flush()
        wait_until(lambda: len(self.dump(BETWEEN)) > before, "outputs")
        self.proxy.tell("drop")  # well within the commit interval
        self.proxy.tell("pass")

    def test_repeats_are_dropped_across_restarts(self) -> None:
        for topic in TOPICS:
            self.kafka.create_topic(topic, 4)
        self.fed, self.numbers = self.feed(IN), itertools.count()
        self.proxy = self.redis_proxy()
        config = self.config({WRITER: self.counts(IN, BETWEEN, interval="3s")})
        config["redis"]["url"] = self.proxy.redis_url
        writing = self.host(config, "writer").start()
        reading = self.reading().start()
        wait_until(lambda: writing.partitions(WRITER) == reading.partitions(READER) == [0, 1, 2, 3],
                   "both work")
        for _ in range(3):
            self.pace(0.3)
            self.lose_store()
            reading.kill()
            self.pace(0.2)
            reading.start()
        self.fed.flush()
        for function, topic in ((WRITER, IN), (READER, BETWEEN), (PASSER, BETWEEN)):
            self.wait_all_applied(function, topic)
        self.check()

    def check(self) -> None:
        given = collections.Counter(record["key"] for record in self.dump(IN))
        between = self.dump(BETWEEN)
        ids = [record["headers"]["millrace-id"] for record in between]
        print(f"{len(ids)} records, of these {len(ids) - len(set(ids))} repeats", flush=True)
        self.assertGreater(len(ids), len(set(ids)), "nothing was repeated")
        wanted = {key: str(count) for key, count in given.items()}
        self.assertEqual(self.states(READER, "counts"), wanted)
        passed = collections.Counter(
            record["headers"]["millrace-id"].split("/")[0] for record in self.dump(OUT))
        self.assertGreaterEqual(passed[PASSER], given.total())


if __name__ == "__main__":
    unittest.main()
