# SPDX-License-Identifier: Apache-2.0
"""Where a function begins, and what it refuses to begin from."""
import time
import unittest

from counting import PARTITIONS, CountingTest
from support import Host, library, wait_until


class Refusals(CountingTest):
    def with_bystander(self) -> Host:
        """A host with a function whose state and group are all right throughout."""
        self.bystander = f"{self.function}-other"
        bystander = self.spec(library=library("c_counter"), outputs={"totals": self.output})
        return self.counting(functions={self.function: self.spec(), self.bystander: bystander})

    def stop_with_progress(self, host: Host) -> int:
        """Partition 0's committed offset, after a run and a clean stop."""
        host.start()
        self.give(500)
        self.fed.flush()
        for function in (self.function, self.bystander):
            self.wait_all_applied(function, self.topic)
        self.assertEqual(host.terminate(), 0)
        committed = self.committed(self.group, self.topic)
        self.assertEqual(committed, self.applied(self.function, self.topic))
        return committed[0]

    def check_refused(self, host: Host, *words: str) -> None:
        """Log, /readyz and API say why; the other function goes on."""
        def told(text: str) -> bool:
            return all(word in text for word in words)

        wait_until(lambda: any(told(reason) for reason in host.reasons()), f"/readyz says {words}")
        function = host.function(self.function)
        self.assertEqual(function["state"], "refused")
        self.assertTrue(told(function["reason"]), function["reason"])
        self.assertTrue(any(told(line) for line in host.log().splitlines()), host.log())
        before = self.applied(self.function, self.topic)
        self.give(500)
        self.fed.flush()
        self.wait_all_applied(self.bystander, self.topic)
        self.assertEqual(self.applied(self.function, self.topic), before, "it went on")
        self.assertEqual(host.terminate(), 0)

    def test_state_lost_while_the_group_has_offsets(self) -> None:
        host = self.with_bystander()
        committed = self.stop_with_progress(host)
        for key in self.redis.command("KEYS", "{mr:default:%s:*}:*" % self.function):
            self.redis.command("DEL", key)
        self.check_refused(host.start(), "applied: none", f"committed offset {committed}")
        self.assertEqual(self.redis.command("KEYS", "{mr:default:%s:*}:s:*" % self.function), [])

    def test_a_store_without_anything_refuses_every_function(self) -> None:
        host = self.with_bystander()
        self.stop_with_progress(host)
        self.redis.command("FLUSHALL")
        host.start()
        for function in (self.function, self.bystander):
            wait_until(lambda name=function: any(
                name in reason and "applied: none" in reason for reason in host.reasons()),
                f"{function} is refused")
        self.assertTrue(host.alive)

    def moved_by_hand(self, by: int) -> tuple[int, int]:
        """Partition 0's applied, and the group's offset of it as somebody has set it."""
        applied = self.applied(self.function, self.topic)[0]
        self.kafka.commit_offset(self.group, self.topic, 0, applied + by)
        return applied, applied + by

    def test_an_offset_that_was_moved_beyond_applied(self) -> None:
        host = self.with_bystander()
        self.stop_with_progress(host)
        applied, moved = self.moved_by_hand(+7)
        self.check_refused(host.start(), f"applied {applied}", f"committed offset {moved}",
                           "on_offset_reset")

    def test_moved_offsets_do_not_count_under_the_policy_applied(self) -> None:
        policy = {self.function: self.spec(on_offset_reset="applied")}
        host = self.counting(functions=policy).start()
        self.give(500)
        self.fed.flush()
        self.wait_all_applied(self.function, self.topic)
        for by in (+7, -7):
            self.assertEqual(host.terminate(), 0)
            self.moved_by_hand(by)
            host.start()
            self.wait_ready(host)
            self.give(500)
            self.check_counts()

    def test_another_group_over_the_same_state(self) -> None:
        host = self.with_bystander()
        self.stop_with_progress(host)
        other = self.counting("b", functions={
            self.function: self.spec(group="another.group"),
            self.bystander: self.spec(library=library("c_counter"),
                                      outputs={"totals": self.output})})
        self.check_refused(other.start(), self.group, "another.group")


class Starts(CountingTest):
    def function_with(self, **trigger) -> dict:
        trigger["topics"] = [self.topic]
        return self.spec(triggers=[{"kafka": trigger}])

    def edits_of(self, function: str) -> int:
        counted = (int(text.split(":")[1].split(",")[0])
                   for text in self.states(function, "pages").values())
        return sum(counted)

    def give_all(self, count: int) -> None:
        self.give(count)
        self.fed.flush()

    def test_earliest_latest_and_a_time(self) -> None:
        self.give_all(300)
        parted = int(time.time() * 1000) + 1
        wait_until(lambda: time.time() * 1000 > parted + 1, "the next millisecond")
        self.give_all(200)
        names = [f"{self.function}-{name}" for name in ("early", "late", "timed")]
        starts = ["earliest", "latest", parted]
        host = self.counting(functions={name: self.function_with(start=start)
                                        for name, start in zip(names, starts, strict=True)})
        host.start()
        for name in names:
            self.wait_all_applied(name, self.topic)
        self.assertEqual([self.edits_of(name) for name in names], [500, 0, 200])
        host.kill()  # Whether or not the group has an offset by now.
        self.give_all(100)
        host.start()
        for name in names:
            self.wait_all_applied(name, self.topic)
        self.assertEqual([self.edits_of(name) for name in names], [600, 100, 300])

    def test_latest_is_resolved_once_even_if_nothing_ever_came(self) -> None:
        self.give_all(300)
        host = self.counting(functions={self.function: self.function_with(start="latest")}).start()
        self.wait_all_applied(self.function, self.topic)
        self.assertEqual(host.terminate(), 0)
        self.give_all(100)
        host.start()
        self.wait_all_applied(self.function, self.topic)
        self.assertEqual(self.edits_of(self.function), 100)

    def test_a_filter_passes_over_other_records(self) -> None:
        chosen, others = self.to_give[:150], self.to_give[150:400]
        for at in range(0, 150, 10):
            self.fed.send(chosen[at:at + 10], "kind=edit")
            self.fed.send(others[at:at + 10], "kind=log")
        self.fed.send(others[150:])
        self.fed.flush()
        host = self.counting(functions={self.function: self.function_with(
            filter={"header": "kind", "equals": "edit"})}).start()
        self.wait_all_applied(self.function, self.topic)
        self.assertEqual(self.edits_of(self.function), 150)
        self.assertEqual(host.count(self.function, "records_filtered"), 250)
        self.assertEqual(len(self.dump(self.output)), 150)
        self.assertEqual(host.partitions(self.function), PARTITIONS)


if __name__ == "__main__":
    unittest.main()
