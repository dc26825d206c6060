# SPDX-License-Identifier: Apache-2.0
"""A host with a function that works on a steady load, beside which others misbehave."""
from directory_support import FolderHost, StackTest, kafka_function, marked, wait_until
from load import Load, PARTITIONS, check_counted_once


class NeighbourTest(StackTest):
    def setUp(self) -> None:
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1].removeprefix("test_").replace("_", "-")[:40]
        self.name = self.name.rstrip("-")
        self.topics(PARTITIONS, f"{self.name}.in", f"{self.name}.out")
        self.host: FolderHost = self.started()
        self.host.put_library(marked("one"), "neighbour")
        self.host.put_yaml({self.name: kafka_function(f"{self.name}.in", "neighbour.so",
                                                      outputs={"out": f"{self.name}.out"})},
                           "neighbour")
        self.host.wait_state(self.name, "running")
        self.load = Load(self.stack.bootstrap_servers(), f"{self.name}.in")
        self.addCleanup(self.load.stop)
        wait_until(lambda: len(self.records.read(f"{self.name}.out")) > 100, "it works")
        self.group_generation = self.generation_of_group(self.name)

    def generation_of_group(self, function: str) -> int:
        return self.kafka.describe_group(f"millrace.default.{function}")["generation"]

    def check_neighbour(self) -> None:
        """Nothing lost, nothing doubled, never rebalanced, still at work."""
        self.assertTrue(self.host.alive, self.host.log()[-2000:])
        seen = len(self.records.read(f"{self.name}.out"))
        wait_until(lambda: len(self.records.read(f"{self.name}.out")) > seen + 50, "it goes on")
        self.load.stop()
        check_counted_once(self, self.name, f"{self.name}.in", f"{self.name}.out", self.load.sent)
        self.assertEqual(self.host.state(self.name), "running")
        self.assertEqual(self.generation_of_group(self.name), self.group_generation)

    def run_victim(self, library, partitions: int = 1, **keys: object) -> str:
        """A function of this library on topics of its own, once it runs; its name."""
        victim = self.put_victim(self.host, library, partitions, **keys)
        self.host.wait_state(victim, "running")
        return victim

    def put_victim(self, host: FolderHost, library, partitions: int = 1, stored: bool = False,
                   **keys: object) -> str:
        victim = f"{self.name}-victim"
        self.topics(partitions, f"{victim}.in", f"{victim}.out")
        host.put_library(library, "victim")
        document = kafka_function(f"{victim}.in", "victim.so", outputs={"out": f"{victim}.out"},
                                  **keys)
        if stored:  # Also one without state of its own.
            document["triggers"][0]["kafka"]["deduplicate"] = True
        host.put_yaml({victim: document}, "victim")
        return victim

    def wait_reason(self, function: str, reason: str) -> None:
        """Told in the API, by /readyz and in the log."""
        wait_until(lambda: reason in (self.host.function(function).get("reason") or ""),
                   f"{function}: {reason}")
        self.assertIn(reason, self.host.problems())
        self.assertIn(reason, self.host.log())

    def times_told(self, function: str, *words: str) -> int:
        """Lines of the log that have the function's name and all of these."""
        return sum(all(word in line for word in (function, *words))
                   for line in self.host.log().splitlines())
