# SPDX-License-Identifier: Apache-2.0
"""The stack through its command line: what the tests rely on when they use it."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from millrace_stack import KafkaAdmin, Stack
from millrace_stack import process
from millrace_stack.kafka_wire import Connection, Writer

STACK = Path(__file__).resolve().parent / "stack"
TIMEOUT_S = 180.0
OFFSET_COMMIT, JOIN_GROUP, SYNC_GROUP = 8, 11, 14
MEMBER_ID_REQUIRED = 79


def run_stack(folder: Path, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([STACK, *arguments, "--dir", folder], capture_output=True, text=True,
                          timeout=TIMEOUT_S)
    if done.returncode != expect:
        raise AssertionError(f"stack {arguments}: exit {done.returncode}\n{done.stderr}")
    return done


def up(folder: Path, *arguments: str) -> dict[str, str]:
    """What a shell's eval would set."""
    lines = run_stack(folder, "up", *arguments).stdout.splitlines()
    if len(lines) != 2:
        raise AssertionError(f"up prints {lines}")
    return dict(line.split("=", 1) for line in lines)


def redis_call(url: str, *words: str) -> str:
    host, port = url.removeprefix("redis://").removesuffix("/0").split(":")
    with socket.create_connection((host, int(port)), TIMEOUT_S) as client:
        client.sendall((" ".join(words) + "\r\n").encode())
        return client.recv(1000).decode()


def free_folder(test: unittest.TestCase | type[unittest.TestCase]) -> Path:
    parent = Path(tempfile.mkdtemp(prefix="stack-test-"))
    folder = parent / "stack"
    cleanup = getattr(test, "addClassCleanup" if isinstance(test, type) else "addCleanup")
    cleanup(shutil.rmtree, parent, ignore_errors=True)
    cleanup(run_stack, folder, "down")
    return folder


class GroupMember:
    """A member of a classic group as clients are: joins, takes an assignment, commits."""

    def __init__(self, bootstrap: str, group: str) -> None:
        port = int(bootstrap.rpartition(":")[2])
        self._connection = Connection("127.0.0.1", port, TIMEOUT_S)
        self._group = group
        self._member_id = ""

    def close(self) -> None:
        self._connection.__exit__()

    def join(self, topic: str, partitions: list[int]) -> int:
        """Returns the group generation that the broker told."""
        error, generation = self._join_once()
        if error == MEMBER_ID_REQUIRED:
            error, generation = self._join_once()
        assignment = Writer().int16(0).int32(1).string(topic).int32(len(partitions))
        for partition in partitions:
            assignment.int32(partition)
        packed = assignment.int32(-1).content()
        body = Writer().string(self._group).int32(generation).string(self._member_id).int32(1)
        body.string(self._member_id).sized_bytes(packed)
        reply = self._connection.call(SYNC_GROUP, 1, body)
        reply.int32()
        if error or (error := reply.int16()):
            raise AssertionError(f"joining {self._group}: error {error}")
        self._generation = generation
        return generation

    def _join_once(self) -> tuple[int, int]:
        body = Writer().string(self._group).int32(60_000).int32(60_000).string(self._member_id)
        body.string("consumer").int32(1).string("range").sized_bytes(b"")
        reply = self._connection.call(JOIN_GROUP, 4, body)
        reply.int32()
        error, generation = reply.int16(), reply.int32()
        reply.string()
        reply.string()
        self._member_id = reply.string()
        return error, generation

    def commit(self, topic: str, partition: int, offset: int) -> None:
        body = Writer().string(self._group).int32(self._generation).string(self._member_id)
        body.int64(-1).int32(1).string(topic).int32(1).int32(partition).int64(offset).string("")
        reply = self._connection.call(OFFSET_COMMIT, 2, body)
        reply.int32()
        reply.string()
        reply.take(8)
        if error := reply.int16():
            raise AssertionError(f"committing: error {error}")


class RunningStackTest(unittest.TestCase):
    """One stack for all of these; each uses topics and groups of its own."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = free_folder(cls)
        cls.addresses = up(cls.folder)

    def stack(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess:
        return run_stack(self.folder, *arguments, expect=expect)

    def status(self) -> dict:
        return json.loads(self.stack("status").stdout)

    def make_group(self, name: str, topic: str) -> int:
        self.stack("topic", topic, "4")
        member = GroupMember(self.addresses["KAFKA"], name)
        self.addCleanup(member.close)
        generation = member.join(topic, [0, 2])
        member.commit(topic, 2, 41)
        return generation

    def test_both_services_answer(self) -> None:
        self.assertTrue(self.addresses["KAFKA"].startswith("127.0.0.1:"))
        port = int(self.addresses["KAFKA"].rpartition(":")[2])
        self.assertEqual(list(KafkaAdmin([port]).metadata().brokers), [1])
        self.assertEqual(redis_call(self.addresses["REDIS"], "PING"), "+PONG\r\n")

    def test_up_again_changes_nothing_and_prints_the_same(self) -> None:
        before = self.status()
        self.assertEqual(up(self.folder), self.addresses)
        self.assertEqual(self.status(), before)

    def test_up_with_another_number_of_brokers_is_refused(self) -> None:
        self.assertIn("has 1 brokers", self.stack("up", "--brokers", "2", expect=1).stderr)

    def test_a_topic_is_made_once_and_its_partitions_are_checked(self) -> None:
        self.stack("topic", "made-once", "3")
        self.stack("topic", "made-once", "3")
        self.assertIn("3 partitions, not 4", self.stack("topic", "made-once", "4", expect=1).stderr)
        self.assertEqual(json.loads(self.stack("ends", "made-once").stdout),
                         {"0": 0, "1": 0, "2": 0})

    def test_a_bad_topic_name_is_refused_with_kafkas_reason(self) -> None:
        self.assertIn("no/slash", self.stack("topic", "no/slash", "1", expect=1).stderr)

    def test_internal_topics_have_four_partitions(self) -> None:
        topics = Stack(self.folder).kafka().metadata().topics
        self.assertEqual(len(topics["__consumer_offsets"]), 4)
        self.assertEqual(len(topics["__transaction_state"]), 4)

    def test_group_tells_members_generation_and_offsets(self) -> None:
        generation = self.make_group("group-told", "group-told-topic")
        group = json.loads(self.stack("group", "group-told").stdout)
        (member,) = group.pop("members")
        self.assertEqual(group, {"group": "group-told", "state": "Stable",
                                 "generation": generation,
                                 "offsets": {"group-told-topic": {"2": 41}}})
        self.assertEqual(set(member), {"id", "client_id", "host", "partitions"})
        self.assertEqual(member["partitions"], ["group-told-topic/0", "group-told-topic/2"])

    def test_generation_is_found_behind_many_commits(self) -> None:
        self.stack("topic", "many-commits", "1")
        member = GroupMember(self.addresses["KAFKA"], "many-commits")
        self.addCleanup(member.close)
        generation = member.join("many-commits", [0])
        for offset in range(2500):
            member.commit("many-commits", 0, offset)
        group = json.loads(self.stack("group", "many-commits").stdout)
        self.assertEqual(group["generation"], generation)
        self.assertEqual(group["offsets"], {"many-commits": {"0": 2499}})

    def test_an_unknown_group_is_dead_and_has_no_generation(self) -> None:
        self.assertEqual(json.loads(self.stack("group", "nobody").stdout),
                         {"group": "nobody", "state": "Dead", "generation": None, "members": [],
                          "offsets": {}})

    def test_kafka_keeps_port_and_data_over_stop_and_over_kill(self) -> None:
        generation = self.make_group("kept", "kept-topic")
        for ending in ("stop", "kill"):
            with self.subTest(ending):
                self.stack(ending, "kafka")
                self.assertEqual(self.status()["kafka-1"]["state"], "stopped")
                self.stack("start", "kafka")
                self.assertEqual(up(self.folder), self.addresses)
                group = json.loads(self.stack("group", "kept").stdout)
                self.assertEqual(group["offsets"], {"kept-topic": {"2": 41}})
                self.assertGreaterEqual(group["generation"], generation)

    def test_redis_keeps_port_and_data_over_stop(self) -> None:
        redis_call(self.addresses["REDIS"], "SET", "kept", "value")
        self.stack("stop", "redis")
        self.assertEqual(self.status()["redis"]["state"], "stopped")
        with self.assertRaises(OSError):
            redis_call(self.addresses["REDIS"], "PING")
        self.stack("start", "redis")
        self.assertEqual(redis_call(self.addresses["REDIS"], "GET", "kept"), "$5\r\nvalue\r\n")

    def test_pause_and_resume_keep_the_processes(self) -> None:
        before = self.status()
        for service in ("kafka", "redis"):
            self.stack("pause", service)
        self.assertEqual({s["state"] for s in self.status().values()}, {"paused"})
        self.assertIn("is paused", self.stack("start", "kafka", expect=1).stderr)
        for service in ("kafka", "redis"):
            self.stack("resume", service)
        self.assertEqual(self.status(), before)

    def test_stop_ends_a_paused_service(self) -> None:
        self.stack("pause", "redis")
        self.stack("stop", "redis")
        self.stack("start", "redis")
        self.assertEqual(redis_call(self.addresses["REDIS"], "PING"), "+PONG\r\n")

    def test_an_unknown_service_is_named_with_the_known_ones(self) -> None:
        self.assertIn("kafka-1", self.stack("stop", "zookeeper", expect=1).stderr)


class StackLifeTest(unittest.TestCase):
    def test_stacks_side_by_side_end_alone_and_leave_nothing(self) -> None:
        first, second = free_folder(self), free_folder(self)
        threads = [threading.Thread(target=up, args=(f,)) for f in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        addresses = up(second)
        first_id = json.loads((first / "stack.json").read_text())["stack_id"]
        run_stack(first, "down")
        self.assertFalse(first.exists())
        self.assertEqual(process.find_marked(first_id), [])
        self.assertEqual(up(second), addresses)
        run_stack(second, "down")
        run_stack(second, "down")
        self.assertFalse(second.exists())

    def test_a_broker_of_two_can_be_killed_alone(self) -> None:
        folder = free_folder(self)
        addresses = up(folder, "--brokers", "2")
        self.assertEqual(len(addresses["KAFKA"].split(",")), 2)
        run_stack(folder, "topic", "spread", "4")
        self.assertEqual(set(Stack(folder).kafka().metadata().topics["spread"].values()), {1, 2})
        run_stack(folder, "kill", "kafka-2")
        states = {n: s["state"] for n, s in Stack(folder).status().items()}
        self.assertEqual(states, {"redis": "running", "kafka-1": "running", "kafka-2": "stopped"})
        run_stack(folder, "start", "kafka-2")
        run_stack(folder, "stop", "kafka")

    def test_down_cleans_up_after_a_killed_up(self) -> None:
        folder = free_folder(self)
        caller = subprocess.Popen([STACK, "up", "--dir", folder], stdout=subprocess.DEVNULL)
        while not (state := Stack(folder)._load()) or "redis" not in state.processes:
            self.assertIsNone(caller.poll())
        caller.send_signal(signal.SIGKILL)
        caller.wait(TIMEOUT_S)
        run_stack(folder, "down")
        self.assertFalse(folder.exists())
        self.assertEqual(process.find_marked(state.stack_id), [])

    def test_a_failed_up_says_why_and_leaves_nothing(self) -> None:
        folder = free_folder(self)
        empty = Path(tempfile.mkdtemp(prefix="stack-test-"))
        self.addCleanup(shutil.rmtree, empty)
        for tool in ("python3", "env", "java"):
            (empty / tool).symlink_to(shutil.which(tool))
        done = subprocess.run([STACK, "up", "--dir", folder], capture_output=True, text=True,
                              timeout=TIMEOUT_S, env={**os.environ, "PATH": str(empty)})
        self.assertEqual(done.returncode, 1)
        self.assertIn("redis-server is not installed", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertFalse(folder.exists())

    def test_a_recycled_pid_is_never_hit(self) -> None:
        bystander = subprocess.Popen(["sleep", "60"])
        self.addCleanup(bystander.wait)
        self.addCleanup(bystander.kill)
        real = process.identify(bystander.pid)
        recycled = process.ProcessId(real.pid, real.start_ticks - 1, real.boot)
        self.assertEqual(process.state_of(recycled), "stopped")
        self.assertFalse(process.send(recycled, signal.SIGKILL))
        self.assertEqual(process.state_of(real), "running")

    def test_a_folder_with_other_files_keeps_them(self) -> None:
        folder = free_folder(self)
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
        up(folder)
        run_stack(folder, "down")
        self.assertEqual([p.name for p in folder.iterdir()], ["notes.txt"])

    def test_commands_without_a_stack_say_what_to_do(self) -> None:
        folder = free_folder(self)
        for arguments in (["status"], ["topic", "t", "1"], ["stop", "kafka"]):
            self.assertIn("run `stack up`", run_stack(folder, *arguments, expect=1).stderr)
        run_stack(folder, "down")

    def test_jars_are_downloaded_once_by_two_callers(self) -> None:
        cache = Path(tempfile.mkdtemp(prefix="stack-test-"))
        self.addCleanup(shutil.rmtree, cache)
        calls = cache / "calls"
        fake = cache / "mvn"
        fake.write_text('#!/bin/sh\necho call >> "%s"\nfor word; do case "$word" in '
                        '-DoutputDirectory=*) mkdir -p "${word#*=}";; esac; done\n' % calls)
        fake.chmod(0o755)
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache / "xdg"),
                       "PATH": f"{cache}:{os.environ['PATH']}"}
        code = "from millrace_stack.jars import kafka_jars; print(kafka_jars())"
        callers = [subprocess.Popen(["python3", "-B", "-c", code], cwd=STACK.parent, text=True,
                                    env=environment, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL) for _ in range(3)]
        folders = {caller.communicate()[0].strip() for caller in callers}
        self.assertEqual(len(folders), 1)
        self.assertTrue(Path(folders.pop()).is_dir())
        self.assertEqual(calls.read_text(), "call\n")


if __name__ == "__main__":
    unittest.main()
