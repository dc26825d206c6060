# SPDX-License-Identifier: Apache-2.0
"""`millrace state rebuild`: the state made again from the input, and what it refuses to remove."""
import json
import os
import pty
import signal
import subprocess
import unittest

import edits
from counting import PARTITIONS, CountingTest
from outputs import by_partition
from support import WAIT_S, Host, library, wait_until

DONE, FAILURE, USAGE, UNAVAILABLE = 0, 1, 2, 69
DELAY_MS = 100
GIVEN, BEGUN = 3000, 20


class RebuildTest(CountingTest):
    def command(self, host: Host, *arguments: str) -> list[str]:
        return [os.environ["MILLRACE"], "state", "rebuild", "-c",
                str(host.folder / "millrace.yaml"), *arguments]

    def rebuild(self, host: Host, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(host, *(arguments or (self.function, "--yes"))),
                              cwd=host.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=120, check=False)

    def check_ended(self, done: subprocess.CompletedProcess, code: int, *words: str) -> None:
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr.splitlines()[-1], done.stderr)

    def keys(self) -> dict[str, int]:
        """Every key that the function has in Redis, and how many fields it has."""
        found = self.redis.command("KEYS", "{mr:default:%s:*}:*" % self.function)
        return {key: self.redis.command("HLEN", key) for key in sorted(found)}

    def check_refused(self, host: Host, *words: str, code: int = FAILURE) -> None:
        before = self.keys()
        self.check_ended(self.rebuild(host), code, *words)
        self.assertEqual(self.keys(), before, "something was removed")

    def run_and_stop(self, host: Host, count: int = GIVEN) -> None:
        host.start()
        self.give(count)
        self.check_exact()
        self.assertEqual(host.terminate(), 0)

    def damage(self) -> None:
        """Some values are wrong, some are gone, one task has none, a state of old is left over."""
        for partition in PARTITIONS:
            key = f"{self.task_key(self.function, partition)}:s:pages"
            names = [name for name, _ in self.redis.hash_scan(key)][:40]
            for name in names[:20]:
                self.redis.command("HSET", key, name, edits.TEXT % (7, 7, 7))
            self.redis.command("HDEL", key, *names[20:])
        self.redis.command("DEL", f"{self.task_key(self.function, 3)}:s:pages")
        self.redis.command("HSET", f"{self.task_key(self.function, 1)}:m:old:a\nkey", "f", "v")
        self.assertNotEqual(self.states(self.function, "pages"), edits.recount(self.given))

    def slowed(self) -> Host:
        """What it runs is a second's work at least."""
        slow = self.spec(batch={"max_records": 5}, commit_max_effects=10)
        return self.counting("slow", redis_url=self.redis_proxy(DELAY_MS).redis_url,
                             functions={self.function: slow})

    def begin(self, host: Host) -> subprocess.Popen:
        """A rebuild in the middle of its work: every task has begun."""
        process = subprocess.Popen(self.command(host, self.function, "--yes"), cwd=host.folder,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        wait_until(lambda: sum(self.applied(self.function, self.topic)) < GIVEN, "it has begun")
        wait_until(lambda: min(self.applied(self.function, self.topic)) > BEGUN, "it is on its way")
        return process


class BothModes:
    def spec(self, **changes) -> dict:
        return super().spec(**{"delivery": self.delivery, **changes})

    def test_damaged_state_is_made_again_and_no_output_twice(self) -> None:
        host = self.counting()
        self.run_and_stop(host)
        outputs, ends = by_partition(self.dump(self.output)), self.ends(self.topic)
        self.damage()
        done = self.rebuild(host)
        self.check_ended(done, DONE, self.function, f"{sum(ends)} events")
        self.assertIn(f"of {len(PARTITIONS)} tasks in redis://", done.stderr)
        self.assertIn("100%", done.stderr)
        self.assertEqual(self.states(self.function, "pages"), edits.recount(self.given))
        self.assertEqual(self.applied(self.function, self.topic), ends)
        self.assertEqual(self.committed(self.group, self.topic), ends)
        self.assertEqual([key for key in self.keys() if ":m:" in key], [])
        self.assertEqual(by_partition(self.dump(self.output)), outputs)
        self.assertEqual(self.kafka.describe_group(self.group)["members"], [])
        host.start()
        self.give(500)
        self.check_exact()

    def test_state_that_was_lost_is_made_again(self) -> None:
        host = self.counting()
        self.run_and_stop(host)
        for key in self.keys():
            self.redis.command("DEL", key)
        self.check_ended(self.rebuild(host), DONE)
        self.check_exact()

    def test_interrupted_and_a_host_goes_on(self) -> None:
        self.run_and_stop(self.counting())
        process = self.begin(self.slowed())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(WAIT_S), FAILURE)
        last = process.stderr.read().splitlines()[-1]
        end = sum(self.ends(self.topic))
        self.assertRegex(last, rf"interrupted after at least \d+ of {end} events")
        self.assertLess(sum(self.applied(self.function, self.topic)), GIVEN)
        self.counting("b").start()
        self.check_exact()
        self.give(500)
        self.check_exact()

    def test_killed_and_begun_anew(self) -> None:
        host = self.counting()
        self.run_and_stop(host)
        self.begin(self.slowed()).kill()
        wait_until(lambda: not self.kafka.describe_group(self.group)["members"], "nobody is there")
        self.check_ended(self.rebuild(host), DONE)
        self.check_exact()


class AtLeastOnce(BothModes, RebuildTest):
    delivery = "at_least_once"

    def test_after_a_kill_every_output_is_there(self) -> None:
        host = self.counting().start()
        self.give(500)
        wait_until(lambda: min(self.committed(self.group, self.topic)) > 0, "offsets are there")
        self.give(500)
        self.wait_done(host, 600)
        host.kill()
        done = self.rebuild(host)
        if done.returncode != DONE:  # Its session has not ended yet.
            self.check_ended(done, FAILURE, "has members: millrace-")
            wait_until(lambda: not self.kafka.describe_group(self.group)["members"], "nobody there")
            self.check_ended(self.rebuild(host), DONE)
        self.check_counts()


class ExactlyOnce(BothModes, RebuildTest):
    delivery = "exactly_once"

    def test_what_a_killed_host_did_not_publish_is_written_once(self) -> None:
        self.kill_behind_its_state(self.counting())
        self.fed.flush()
        self.check_ended(self.rebuild(self.counting("b")), DONE)
        self.check_exact()

    def kill_behind_its_state(self, host: Host) -> None:
        """Some events are applied whose outputs are not published."""
        for _ in range(10):
            before = self.done(host.start())
            for _ in range(5):
                self.give(100)
            self.wait_done(host, before + 200)
            host.kill()
            wait_until(lambda: not self.kafka.describe_group(self.group)["members"], "nobody there")
            if sum(self.committed(self.group, self.topic)) < sum(
                    self.applied(self.function, self.topic)):
                return
        self.fail("every kill came after everything was published")

    def test_a_host_that_is_started_meanwhile_goes_on(self) -> None:
        self.run_and_stop(self.counting())
        process = self.begin(self.slowed())
        self.counting("b").start()
        self.assertEqual(process.wait(60), FAILURE)
        self.assertIn("a host was started", process.stderr.read().splitlines()[-1])
        self.check_exact()
        self.give(500)
        self.check_exact()


class Refusals(RebuildTest):
    def test_while_a_host_runs_the_function(self) -> None:
        host = self.counting().start()
        self.give(500)
        self.check_exact()
        self.check_refused(host, f"millrace-{self.function}-", "stop function", self.group)
        self.give(500)
        self.check_exact()

    def test_without_a_yes(self) -> None:
        host = self.counting()
        self.run_and_stop(host, 500)
        before = self.keys()
        done = self.rebuild(host, self.function)
        self.check_ended(done, USAGE, "add --yes", f"{len(before)} keys of 4 tasks", "500 events")
        self.assertEqual(self.keys(), before)
        self.assertEqual(self.on_terminal(host, "n\n")[0], FAILURE)
        self.assertEqual(self.keys(), before)
        self.damage()
        code, shown = self.on_terminal(host, "y\n")
        self.assertEqual(code, DONE, shown)
        self.assertIn("[y/N]", shown)
        self.assertIn("\r\x1b[K[####################] 100% 500 of 500 events", shown)
        self.check_exact()

    def on_terminal(self, host: Host, answer: str) -> tuple[int, str]:
        pid, terminal = pty.fork()
        if pid == 0:
            command = self.command(host, self.function)
            os.execv(command[0], command)
        os.write(terminal, answer.encode())
        shown = b""
        while True:
            try:
                chunk = os.read(terminal, 4096)
            except OSError:  # Linux: the other side is closed.
                break
            if not chunk:
                break
            shown += chunk
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    def test_input_that_is_not_retained_from_its_beginning(self) -> None:
        host = self.counting()
        self.run_and_stop(host, 500)
        self.kafka.delete_records(self.topic, 2, 40)
        self.check_refused(host, f"{self.topic}/2 begins at offset 40", "on_retention_loss: skip")
        skips = self.counting("skips", functions={
            self.function: self.spec(on_retention_loss="skip")})
        outputs = by_partition(self.dump(self.output))
        self.check_ended(self.rebuild(skips), DONE)
        retained = self.dump(self.topic)
        self.assertEqual(min(record["offset"] for record in by_partition(retained)[2]), 40)
        self.assertEqual(self.states(self.function, "pages"), dict(edits.running_counts(retained)))
        self.assertEqual(by_partition(self.dump(self.output)), outputs)

    def test_offsets_that_do_not_tell_what_is_published(self) -> None:
        host = self.counting()
        self.run_and_stop(host, 500)
        applied = self.applied(self.function, self.topic)[1]
        self.kafka.commit_offset(self.group, self.topic, 1, applied - 5)
        self.check_refused(host, f"offset {applied - 5} (set by hand) of {self.topic}/1",
                           f"set the group's offset to {applied}")
        self.kafka.commit_offset(self.group, self.topic, 1, applied)
        self.check_ended(self.rebuild(host), DONE)
        self.check_exact()

    def test_another_group_over_the_same_state(self) -> None:
        self.run_and_stop(self.counting(), 500)
        other = self.counting("other", functions={self.function: self.spec(group="another")})
        self.check_refused(other, self.group, "another")

    def test_a_function_that_never_ran(self) -> None:
        self.check_refused(self.counting(), "it has not run yet")

    def test_a_name_that_is_not_there_and_a_function_without_state(self) -> None:
        document = {"functions": {self.function: self.spec(), "echo": {
            "library": library("echo"), "outputs": {"out": self.output},
            "triggers": [{"kafka": {"topics": [self.topic]}}]}}}
        host = self.counting(functions={"main": self.spec()})
        (host.folder / "functions" / "more.yaml").write_text(json.dumps(document))
        self.check_ended(self.rebuild(host, self.function[:-1], "--yes"), USAGE,
                         f'did you mean "{self.function}"?')
        self.check_ended(self.rebuild(host, "mani", "--yes"), USAGE, 'did you mean "main"?')
        self.check_ended(self.rebuild(host, "echo", "--yes"), FAILURE, "keeps no state")

    def test_a_function_of_the_directory(self) -> None:
        host = self.counting(functions={"main": self.spec(outputs={"counts": "elsewhere"})})
        (host.folder / "functions" / "more.yaml").write_text(
            json.dumps({"functions": {self.function: self.spec()}}))
        self.kafka.create_topic("elsewhere", len(PARTITIONS))
        self.run_and_stop(host)
        self.damage()
        self.check_ended(self.rebuild(host), DONE)
        self.check_exact()

    def test_services_that_are_away(self) -> None:
        host = self.counting("redis", redis_url="redis://127.0.0.1:1/0")
        self.run_and_stop(self.counting(), 500)
        self.check_refused(host, "redis://127.0.0.1:1/0", code=UNAVAILABLE)
        config = self.config({self.function: self.spec()})
        config["kafka"]["bootstrap.servers"] = "127.0.0.1:1"
        self.check_refused(self.host(config, "kafka"), "127.0.0.1:1", code=UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
