# SPDX-License-Identifier: Apache-2.0
"""What was there and is gone: refused with numbers by default, gone on with by policy."""
import unittest

import edits
from counting import CountingTest
from outputs import by_partition
from support import Host, wait_until

SKIPPED = 10


class Policies(CountingTest):
    def spec(self, **changes) -> dict:
        return super().spec(**{"delivery": "exactly_once", **changes})

    def stopped_with_progress(self) -> Host:
        host = self.counting().start()
        self.give(500)
        self.fed.flush()
        self.wait_all_applied(self.function, self.topic)
        self.assertEqual(host.terminate(), 0)
        return host

    def check_refused(self, host: Host, *words: str) -> None:
        host.start()
        wait_until(lambda: host.function(self.function).get("state") == "refused", "a refusal")
        reason = host.function(self.function)["reason"]
        for word in words:
            self.assertIn(word, reason)
        self.assertEqual(host.terminate(), 0)

    def recoveries(self, host: Host) -> dict[int, dict]:
        """Per task, where something was missing."""
        return {task["partition"]: task["recovery"]
                for task in host.function(self.function)["tasks"] if task["recovery"]}

    def test_input_that_is_no_longer_retained(self) -> None:
        host = self.stopped_with_progress()
        applied = self.applied(self.function, self.topic)
        self.give(500)
        self.fed.flush()
        self.kafka.delete_records(self.topic, 0, applied[0] + SKIPPED)
        self.check_refused(host, f"{self.topic}/0 begins at offset {applied[0] + SKIPPED}",
                           f"the function is at {applied[0]}", "on_retention_loss: skip")
        self.assertEqual(self.applied(self.function, self.topic)[0], applied[0])
        skipping = {self.function: self.spec(on_retention_loss="skip")}
        host = self.counting("skips", functions=skipping).start()
        self.wait_all_applied(self.function, self.topic)
        recovery = self.recoveries(host)
        self.assertEqual([(p, r["kind"], r["offsets_skipped"]) for p, r in recovery.items()],
                         [(0, "retention", SKIPPED)])
        self.assertEqual(host.count(self.function, "offsets_skipped"), SKIPPED)
        counted = sum(int(text.split(":")[1].split(",")[0])
                      for text in self.states(self.function, "pages").values())
        self.assertEqual(counted, len(self.given) - SKIPPED)

    def test_an_empty_store_that_the_function_goes_on_with(self) -> None:
        host = self.stopped_with_progress()
        before = len(self.dump(self.output))
        self.redis.command("FLUSHALL")
        self.check_refused(host, "applied: none", "on_state_loss: rebuild")
        empty = {self.function: self.spec(on_state_loss="empty")}
        host = self.counting("empty", functions=empty).start()
        self.wait_ready(host)
        given, self.given = self.given, []
        self.give(300)
        self.check_states()
        self.assertEqual({r["kind"] for r in self.recoveries(host).values()}, {"empty"})
        ends = self.ends(self.topic)
        wait_until(lambda: self.committed(self.group, self.topic) == ends, "everything published")
        outputs = by_partition(self.dump(self.output))
        self.assertEqual(sum(map(len, outputs.values())), before + 300)
        self.assertEqual(edits.recount(given + self.given).keys(),
                         {record["key"] for records in outputs.values() for record in records})

    def test_more_partitions_than_the_state_was_kept_with(self) -> None:
        host = self.stopped_with_progress()
        self.kafka.grow_topic(self.topic, 6)
        self.check_refused(host, "kept with 4 partitions", "have 6 now")


if __name__ == "__main__":
    unittest.main()
