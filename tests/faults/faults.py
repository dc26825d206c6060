# SPDX-License-Identifier: Apache-2.0
"""What the fault tests share: a function that counts per key under one delivery mode, and the
comparison of everything that it wrote with a recount of everything that it was given."""
import collections
import itertools
import os
import time

from outputs import check_exact_outputs, check_outputs
from support import PACE_S, Host, HostTest, tests_library, wait_until

PARTITIONS = list(range(4))
KEYS, NEW_KEY_EVERY = 400, 25
DEATH_S = 20.0
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))  # Every kill that often.


def running_counts(records: list[dict]) -> list[tuple[str, str]]:
    """What the function emits for a partition's records."""
    counts: dict[str, int] = collections.defaultdict(int)
    emitted = []
    for record in records:
        counts[record["key"]] += 1
        emitted.append((record["key"], str(counts[record["key"]])))
    return emitted


class FaultTest(HostTest):
    """Tests of one delivery mode; `delivery` comes from the class that joins them."""
    delivery: str

    def setUp(self) -> None:
        super().setUp()
        self.hits: collections.Counter[str] = collections.Counter()
        self.function = self._testMethodName.removeprefix("test_").replace("_", "-")
        self.topic, self.output = f"{self.function}.in", f"{self.function}.out"
        self.group = f"millrace.default.{self.function}"
        self.kafka.create_topic(self.topic, len(PARTITIONS))
        self.kafka.create_topic(self.output, len(PARTITIONS))
        self.fed = self.feed(self.topic)
        # Some keys are new each time: their state has to be read.
        self.events = (f"key {n % KEYS}" if n % NEW_KEY_EVERY else f"new {n}"
                       for n in itertools.count())

    @property
    def exactly_once(self) -> bool:
        return self.delivery == "exactly_once"

    def counting(self, name: str = "a", redis_url: str = "", kafka: dict | None = None,
                 **changes) -> Host:
        spec = {"library": tests_library("counts"), "delivery": self.delivery,
                "commit_interval": "50ms", "outputs": {"out": self.output},
                "triggers": [{"kafka": {"topics": [self.topic], "start": "earliest"}}], **changes}
        config = self.config({self.function: spec})
        config["kafka"].update(kafka or {})
        if redis_url:
            config["redis"]["url"] = redis_url
        return self.host(config, name)

    def give(self, count: int, value: str = "x") -> None:
        self.fed.send([(key, value) for key in itertools.islice(self.events, count)])

    def feed_until(self, predicate, what: str, timeout_s: float = DEATH_S) -> None:
        """Events come all the time until it is true."""
        deadline = time.monotonic() + timeout_s
        while not predicate():
            self.assertLess(time.monotonic(), deadline, f"not within {timeout_s:.0f} s: {what}")
            self.pace(2 * PACE_S)

    def wait_ready(self, host: Host, partitions: list[int] | None = None) -> None:
        wanted = PARTITIONS if partitions is None else partitions
        wait_until(lambda: host.partitions(self.function) == wanted and not host.reasons(),
                   f"{host.folder.name} works on {wanted} and is ready")

    def wait_shared(self, *hosts: Host) -> None:
        wait_until(lambda: [len(h.partitions(self.function)) for h in hosts] ==
                   [len(PARTITIONS) // len(hosts)] * len(hosts), "the hosts share the partitions")

    def wait_progress(self) -> None:
        before = self.applied(self.function, self.topic)
        self.feed_until(lambda: all(after > was for after, was in zip(
            self.applied(self.function, self.topic), before)), "every task goes on")

    def hit(self, fault: str, times: int = 1) -> None:
        self.hits[fault] += times

    def check(self, *faults: str) -> None:
        """State and outputs are what the inputs must give, and every fault was met."""
        self.fed.flush()
        self.wait_all_applied(self.function, self.topic)
        ends = self.ends(self.topic)
        wait_until(lambda: self.committed(self.group, self.topic) == ends, "everything published")
        inputs, outputs = self.dump(self.topic), self.dump(self.output)
        self.assertEqual(self.states(self.function, "counts"), dict(running_counts(inputs)))
        if self.exactly_once:
            check_exact_outputs(self, inputs, outputs, running_counts)
        else:
            check_outputs(self, outputs, self.function, self.topic, ends)
        print(f"{self.delivery}: faults met: " + ", ".join(
            f"{fault} {self.hits[fault]}" for fault in faults), flush=True)
        for fault in faults:
            self.assertGreater(self.hits[fault], 0, f"{fault} was never met")
