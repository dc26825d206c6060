# SPDX-License-Identifier: Apache-2.0
"""Tests that count edits with page_edits, under a name and topics of each test's own."""
import edits
from outputs import check_exact_outputs, check_outputs
from support import Host, HostTest, library, wait_until

PARTITIONS = list(range(4))
NAME_MAX = 40
EDITS, PAGES = 8000, 5000


class CountingTest(HostTest):
    def setUp(self) -> None:
        super().setUp()
        short = self._testMethodName.removeprefix("test_").replace("_", "-")[:NAME_MAX].strip("-")
        self.function = short
        self.topic, self.output = f"{short}.edits", f"{short}.counts"
        self.group = f"millrace.default.{short}"
        self.kafka.create_topic(self.topic, len(PARTITIONS))
        self.kafka.create_topic(self.output, len(PARTITIONS))
        self.given: list[edits.Edit] = []
        self.to_give = edits.generate(EDITS, PAGES)
        self.fed = self.feed(self.topic)

    def spec(self, **changes) -> dict:
        return {"library": library("page_edits"), "commit_interval": "100ms",
                "triggers": [{"kafka": {"topics": [self.topic], "start": "earliest"}}],
                "outputs": {"counts": self.output}, **changes}

    def counting(self, name: str = "a", redis_url: str = "", functions: dict | None = None,
                 **host: str) -> Host:
        config = self.config(functions or {self.function: self.spec()}, **host)
        if redis_url:
            config["redis"]["url"] = redis_url
        return self.host(config, name)

    def give(self, count: int) -> None:
        """The next edits; from the first again after the last."""
        while count > 0:
            chunk = self.to_give[:count]
            self.to_give = self.to_give[count:] or edits.generate(EDITS, PAGES)
            self.fed.send(chunk)
            self.given += chunk
            count -= len(chunk)

    def done(self, host: Host) -> int:
        return host.count(self.function, "invocations", "done")

    def wait_done(self, host: Host, more_than: int) -> None:
        wait_until(lambda: self.done(host) > more_than, f"more than {more_than} events done")

    def wait_ready(self, host: Host, partitions: list[int] | None = None) -> None:
        wanted = PARTITIONS if partitions is None else partitions
        wait_until(lambda: host.partitions(self.function) == wanted and not host.reasons(),
                   f"{host.folder.name} works on {wanted} and is ready")

    def wait_shared(self, *hosts: Host) -> None:
        wait_until(lambda: sorted(sum((h.partitions(self.function) for h in hosts), [])) ==
                   PARTITIONS and all(h.partitions(self.function) for h in hosts),
                   "the hosts share the partitions")

    def check_states(self) -> dict[str, str]:
        """Everything given is in the state once."""
        self.fed.flush()
        self.wait_all_applied(self.function, self.topic)
        states = self.states(self.function, "pages")
        wanted = edits.recount(self.given)
        self.assertEqual(edits.sums(states), edits.sums(wanted))
        self.assertEqual(states, wanted)
        return states

    def check_exact(self) -> None:
        """Everything given is in the state once, and its output was written once, in order."""
        self.check_states()
        ends = self.ends(self.topic)
        wait_until(lambda: self.committed(self.group, self.topic) == ends, "everything published")
        check_exact_outputs(self, self.dump(self.topic), self.dump(self.output),
                            edits.running_counts)

    def check_counts(self) -> None:
        """Everything given is in the state once, and in the outputs."""
        states = self.check_states()
        last = check_outputs(self, self.dump(self.output), self.function, self.topic,
                             self.ends(self.topic))
        self.assertEqual(last, states)
