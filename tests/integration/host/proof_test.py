# SPDX-License-Identifier: Apache-2.0
"""Edits of wiki pages, counted while hosts are killed and stopped, against a plain recount."""
import itertools
import signal
import time
import unittest

import edits
from outputs import check_outputs
from redis_client import Redis
from support import Feed, Host, HostTest, library, wait_until
from watch import ProgressWatch

FUNCTION, GROUP = "page-edits", "millrace.default.page-edits"
TOPIC, OUTPUT = "wiki.edits", "wiki.page-counts"
PARTITIONS = list(range(4))
PACED_S = 20.0       # At least; kills and waits come on top.
CHUNK_S = 0.05
CHUNK_EDITS = 65     # 1,300 edits a second.
BURST_EDITS = 1500
COMMIT_INTERVAL = "400ms"
COMMIT_MAX_EFFECTS = 60  # Several units of a burst are in flight; the last one stays open.
TAKE_OVER_S = 20.0


class Proof(HostTest):
    def setUp(self) -> None:
        super().setUp()
        self.edits = edits.load()
        self.left = iter(self.edits)
        self.fed: Feed
        self.kills = 0
        self.committed_behind = 0
        self.applied_before = 0  # At the last kill.

    def page_edits(self, name: str, redis_url: str) -> Host:
        config = self.config({FUNCTION: {
            "library": library("page_edits"), "commit_interval": COMMIT_INTERVAL,
            "commit_max_effects": COMMIT_MAX_EFFECTS, "batch": {"max_records": 100},
            "triggers": [{"kafka": {"topics": [TOPIC], "start": "earliest"}}],
            "outputs": {"counts": OUTPUT}}})
        config["redis"]["url"] = redis_url
        return self.host(config, name)

    def give(self, count: int) -> int:
        chunk = list(itertools.islice(self.left, count))
        self.fed.send(chunk)
        return len(chunk)

    def pace(self, seconds: float) -> None:
        """Feeds for that long, at an even rate."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.give(CHUNK_EDITS)
            time.sleep(CHUNK_S)
        self.fed.flush()

    def burst(self) -> list[int]:
        """Everything before it is applied, so what is now on its way is not, for an interval."""
        self.wait_all_applied(FUNCTION, TOPIC)
        self.assertEqual(self.give(BURST_EDITS), BURST_EDITS)
        before = self.applied(FUNCTION, TOPIC)
        self.fed.flush()
        return before

    def kill(self, host: Host) -> None:
        """SIGKILL; then lag is what Kafka had before and Redis has not applied after it."""
        ends = self.ends(TOPIC)
        host.kill()
        applied = self.applied(FUNCTION, TOPIC)
        self.kills += 1
        committed = self.committed(GROUP, TOPIC)
        lag = sum(ends) - sum(applied)
        print(f"kill {self.kills} of {host.folder.name}: lag {lag}, applied {applied}, "
              f"committed {committed}", flush=True)
        self.assertGreater(lag, 0)
        self.assertGreater(sum(applied), self.applied_before, "no commit since the last kill")
        self.applied_before = sum(applied)
        self.committed_behind += sum(committed) < sum(applied)

    def moved(self, before: list[int]) -> bool:
        return self.applied(FUNCTION, TOPIC) != before

    def settled(self) -> bool:
        """Only the open units are left: `applied` stands still while some is not applied."""
        before = self.applied(FUNCTION, TOPIC)
        time.sleep(CHUNK_S)
        return self.applied(FUNCTION, TOPIC) == before

    def wait_shared(self, *hosts: Host) -> None:
        wait_until(lambda: [len(h.partitions(FUNCTION)) for h in hosts] == [2] * len(hosts),
                   "two hosts work on two partitions each", TAKE_OVER_S)

    def kill_three_times(self, host: Host) -> None:
        wait_until(lambda: host.partitions(FUNCTION) == PARTITIONS, "the first host has all tasks")
        self.pace(3)
        before = self.burst()
        wait_until(lambda: self.moved(before), "the first unit of a burst")
        self.kill(host)  # Units in flight; the group's offsets are older than `applied`.
        self.pace(0.5)
        host.start()
        self.pace(3)
        before = self.burst()
        wait_until(lambda: self.moved(before), "the first unit of a burst")
        wait_until(self.settled, "the last whole unit of a burst")
        self.kill(host)  # Open units only.
        host.start()
        self.pace(3)
        self.burst()
        self.kill(host)  # Just acknowledged by the broker.

    def take_over(self, first: Host, second: Host) -> None:
        first.start()
        second.start()
        self.wait_shared(first, second)
        self.pace(2)
        before = self.burst()
        wait_until(lambda: self.moved(before), "the first unit of a burst")
        self.kill(first)
        self.pace(1)
        wait_until(lambda: second.partitions(FUNCTION) == PARTITIONS, "the second host takes over",
                   TAKE_OVER_S)
        self.pace(1)

    def zombie(self, stopped: Host, other: Host) -> None:
        """Stopped with commits on their way, continued after another host did more than those."""
        self.wait_shared(stopped, other)
        self.pace(1)
        before = self.burst()
        wait_until(lambda: self.moved(before), "the first unit of a burst")
        self.proxy.signal(signal.SIGSTOP)  # The open units are sent, and do not arrive.
        self.pace(1)
        stopped.signal(signal.SIGSTOP)
        mine = [p for p in PARTITIONS if p not in other.partitions(FUNCTION)]
        ends, applied = self.ends(TOPIC), self.applied(FUNCTION, TOPIC)
        self.assertGreater(sum(ends[p] - applied[p] for p in mine), 0, "stopped without work")
        wait_until(lambda: other.partitions(FUNCTION) == PARTITIONS,
                   f"the other host takes over {mine}", TAKE_OVER_S)
        self.pace(2)
        self.wait_all_applied(FUNCTION, TOPIC)
        self.let_late_commits_arrive()
        stopped.signal(signal.SIGCONT)
        self.wait_shared(stopped, other)

    def let_late_commits_arrive(self) -> None:
        before, scripts = self.everything(), self.scripts_run()
        self.proxy.signal(signal.SIGCONT)
        wait_until(lambda: self.scripts_run() > scripts, "a commit of the stopped host arrives")
        wait_until(self.settled, "nothing moves")
        after = self.everything()
        changed = {k: (before.get(k), after[k]) for k in after if after[k] != before.get(k)}
        print(f"{self.scripts_run() - scripts} late commits of the stopped host changed "
              f"{len(changed)} values", flush=True)
        self.assertEqual(changed, {}, "a stopped host's late commits changed what another wrote")

    def everything(self) -> dict[str, str]:
        """All states, and per partition what is applied."""
        applied = self.applied(FUNCTION, TOPIC)
        return self.states(FUNCTION, "pages") | {f"applied {p}": str(applied[p])
                                                 for p in PARTITIONS}

    def scripts_run(self) -> int:
        for line in self.redis.command("INFO", "commandstats").splitlines():
            if line.startswith("cmdstat_evalsha:calls="):
                return int(line.partition("=")[2].partition(",")[0])
        return 0

    def pace_the_rest(self, began: float) -> None:
        left = len(self.edits) - self.fed.sent
        chunks = max(1, int((PACED_S - (time.monotonic() - began)) / CHUNK_S))
        size = max(CHUNK_EDITS, -(-left // chunks))
        while self.give(size):
            time.sleep(CHUNK_S)
        self.fed.flush()

    def watch(self) -> ProgressWatch:
        redis = Redis(self.stack.redis_url())
        self.addCleanup(redis.close)
        fields = [("HGET", f"{self.task_key(FUNCTION, p)}:task", f"applied:{TOPIC}")
                  for p in PARTITIONS]
        watch = ProgressWatch(lambda: self.committed(GROUP, TOPIC),
                              lambda: [int(a or 0) for a in redis.commands(fields)])
        self.addCleanup(watch.stop)
        return watch

    def test_state_equals_a_recount_after_kills_takeover_and_a_zombie(self) -> None:
        self.kafka.create_topic(TOPIC, 4)
        self.kafka.create_topic(OUTPUT, 4)
        self.fed = self.feed(TOPIC)
        watch = self.watch()
        self.proxy = self.redis_proxy()
        first = self.page_edits("first", self.proxy.redis_url)
        second = self.page_edits("second", self.stack.redis_url())
        began = time.monotonic()
        first.start()
        self.kill_three_times(first)
        self.take_over(first, second)
        first.start()
        self.zombie(first, second)
        self.pace_the_rest(began)
        print(f"fed {self.fed.sent} edits in {time.monotonic() - began:.1f} s", flush=True)
        self.assertEqual(self.fed.sent, len(self.edits))
        self.assertGreaterEqual(time.monotonic() - began, PACED_S)
        self.wait_all_applied(FUNCTION, TOPIC)
        self.assertGreaterEqual(self.kills, 3)
        self.assertGreater(self.committed_behind, 0, "no kill had applied beyond the committed")
        self.check_result()
        for host in (first, second):
            self.assertEqual(host.terminate(), 0)
        self.assertEqual(self.committed(GROUP, TOPIC), self.applied(FUNCTION, TOPIC))
        watch.stop()
        watch.check(self)

    def check_result(self) -> None:
        states = self.states(FUNCTION, "pages")
        wanted = edits.recount(self.edits)
        wrong = {page: (states.get(page), wanted.get(page)) for page in states.keys() | wanted.keys()
                 if states.get(page) != wanted.get(page)}
        print(f"{len(states)} pages, sums {edits.sums(states)}, {len(wrong)} wrong", flush=True)
        self.assertEqual(dict(itertools.islice(wrong.items(), 5)), {}, f"{len(wrong)} wrong pages")
        self.assertEqual(edits.sums(states), edits.sums(wanted))
        self.assertEqual((len(states), edits.top_counts(states)), (edits.PAGES, edits.TOP_COUNTS))
        last = check_outputs(self, self.dump(OUTPUT), FUNCTION, TOPIC, self.ends(TOPIC))
        self.assertEqual(last, states)


if __name__ == "__main__":
    unittest.main()
