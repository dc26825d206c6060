# SPDX-License-Identifier: Apache-2.0
"""HTTP on the running host: invocations that write nothing, limits, health and metrics."""
import base64
import json
import re
import shutil
import socket
import subprocess
import threading
import time

from kafka_client import Record, crc32_partition
from directory_support import (Stopwatch, StackTest, example, hostile, kafka_function, marked, run,
                               wait_until)

PARTITIONS = 4
BODY_BYTES_MAX = 1 << 20
SLOW_MS = 3000
LIVE_LIMIT_S = 1.0


class Invoke(StackTest):
    @classmethod
    def setUpClass(cls) -> None:
        """One host for all: invocations write nothing, so the tests do not meet."""
        super().setUpClass()
        cls.records.create_topic("in", PARTITIONS)
        cls.records.create_topic("slow.in", PARTITIONS)
        cls.records.create_topic("out", PARTITIONS)
        cls.keys = [b"key-%d" % i for i in range(40)]
        for key in cls.keys:
            cls.records.produce("in", crc32_partition(key, PARTITIONS), [Record(key, b"x")] * 3)

    def setUp(self) -> None:
        super().setUp()
        self.server = self.new_host(self.config({
            "counts": kafka_function("in", "counts.so", outputs={"out": "out"}),
            "echo": kafka_function("in", "echo.so", outputs={"out": "out"}),
            "slow": kafka_function("slow.in", "slow.so", outputs={"out": "out"}),
            "outcomes": kafka_function("slow.in", "outcomes.so", outputs={"out": "out"}),
            "refused": kafka_function("in", "wrong_major.so")}))
        self.server.put_library(marked("one"), "counts")
        self.server.put_library(example("echo"), "echo")
        for name in ("slow", "outcomes", "wrong_major"):
            self.server.put_library(hostile(name), name)
        self.server.start()
        # A task that is taken over writes its new epoch, and the former host was killed.
        for name in ("counts", "echo", "slow", "outcomes"):
            wait_until(lambda: self.server.partitions(name) == list(range(PARTITIONS)),
                       f"{name} has all its tasks")
        self.wait_all_applied("counts", "in")
        wait_until(lambda: self.committed_by("counts", "in") == self.ends("in"), "all is committed")
        wait_until(lambda: not self.redis.command("KEYS", "*}:r"), "all is in its own field")

    def command(self, *arguments: str):
        return run("invoke", "--server", f"127.0.0.1:{self.server.port}", *arguments)

    def everything(self) -> tuple:
        """What Redis and Kafka hold."""
        keys = sorted(self.redis.command("KEYS", "*"))
        return ({key: sorted(self.redis.hash_scan(key)) for key in keys},
                self.ends("in"), self.ends("out"), self.committed_by("counts", "in"))

    def test_invocation_shows_effects_and_writes_nothing(self) -> None:
        wait_until(lambda: self.committed_by("echo", "in") == self.ends("in"), "all is echoed")
        before = self.everything()
        for key in self.keys:  # Of both kinds: where Java's clients would look, and elsewhere.
            status, answer = self.server.invoke("counts", {"key": key.decode(), "value": "y"})
            self.assertEqual((status, answer["outcome"], answer["reason"]), (200, "done", None))
            self.assertEqual(answer["partition"], crc32_partition(key, PARTITIONS), key)
            change = answer["state"][0]
            self.assertEqual((change["state"], change["key"]), ("total", key.decode()))
            self.assertEqual((change["before"], change["after"]), ("3", "4"))
            emitted = answer["emitted"][0]
            self.assertEqual((emitted["output"], emitted["topic"], emitted["key"],
                              emitted["value"]), ("out", "out", key.decode(), "1:4"))
            self.assertIn(emitted["partition"], range(PARTITIONS))
        status, answer = self.server.invoke("counts", {"key": "never seen", "value": "y"})
        self.assertEqual(answer["state"][0]["before"], None)
        self.assertEqual(answer["emitted"][0]["value"], "1:1")
        for value in ("retry", "drop", "dead-letter", "fatal", "unknown"):
            status, answer = self.server.invoke("outcomes", {"key": "k", "value": value})
            self.assertEqual((status, answer["emitted"], answer["state"]), (200, [], []), value)
        self.assertEqual(before, self.everything())
        self.assertEqual(self.server.state("outcomes"), "running")

    def test_invocation_sees_what_is_not_in_its_own_field_yet(self) -> None:
        partition = crc32_partition(b"hot", PARTITIONS)
        field = f"{self.task_key('counts', partition)}:s:total", "hot"
        behind = 0
        for count in range(1, 61):
            self.records.produce("in", partition, [Record(b"hot", b"x")])
            self.wait_all_applied("counts", "in")
            written = self.redis.command("HGET", *field)
            _, answer = self.server.invoke("counts", {"key": "hot", "value": "y"})
            self.assertEqual(answer["state"][0]["before"], str(count))
            behind += written != str(count)
            if behind == 3:
                break
        self.assertEqual(behind, 3, "the field was always up to date: nothing was tried")

    def test_envelope_and_plain_body_say_the_same(self) -> None:
        odd = bytes(range(256))
        status, answer = self.server.invoke("echo", {
            "key_base64": base64.b64encode(odd).decode(), "value": None, "partition": 2,
            "topic": "in", "timestamp": 1234, "headers": {"a": "b"}})
        emitted = answer["emitted"][0]
        self.assertEqual((status, answer["partition"], emitted["value"], emitted["timestamp"]),
                         (200, 2, None, 1234))
        self.assertEqual(base64.b64decode(emitted["key_base64"]), odd)
        path = "/api/v1/functions/echo/invoke?key=a%20b&partition=1&topic=in&timestamp=7"
        status, body = self.server.ask("POST", path, b"the value", {"Millrace-Header-Kind": "x"})
        emitted = json.loads(body)["emitted"][0]
        self.assertEqual((emitted["key"], emitted["value"], emitted["timestamp"]),
                         ("a b", "the value", 7))

    def test_requests_that_cannot_be_answered_get_the_code_that_says_why(self) -> None:
        invoke = self.server.invoke
        self.assertEqual(invoke("nobody", {"value": "x"})[0], 404)
        status, answer = invoke("refused", {"value": "x"})
        self.assertEqual(status, 409)
        self.assertIn("ABI", json.dumps(answer))
        for envelope in ({"vaule": "x"}, {"value": 1}, {"value": "x", "value_base64": "eA=="},
                         {"value_base64": "?"}, {"partition": -1}, {"partition": PARTITIONS},
                         {"topic": "other"}, {"headers": 3}, []):
            self.assertEqual(invoke("echo", envelope)[0], 400, envelope)
        raw = "/api/v1/functions/echo/invoke"
        envelope_type = {"Content-Type": "application/vnd.millrace.event+json"}
        ask = self.server.ask
        self.assertEqual(ask("POST", raw, b"{nonsense", envelope_type)[0], 400)
        self.assertEqual(ask("POST", raw + "?partition=x", b"")[0], 400)
        self.assertEqual(ask("POST", raw + "?other=x", b"")[0], 400)
        self.assertEqual(ask("GET", raw)[0], 405)
        self.assertEqual(ask("GET", "/nowhere")[0], 404)
        self.assertEqual(ask("GET", "/api/v1/functions/nobody")[0], 404)
        self.assertEqual(ask("POST", raw, b"x" * BODY_BYTES_MAX)[0], 200)
        self.assertEqual(ask("POST", raw, b"x" * (BODY_BYTES_MAX + 1))[0], 413)

    def test_malformed_request_gets_4xx_and_the_connection_closes(self) -> None:
        for request in (b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                        b"GET /livez HTTP/1.1\r\n\r\n",
                        b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
                        b"GET /" + b"z" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: no\r\n\r\n",
                        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n",
                        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200):
            with socket.create_connection(("127.0.0.1", self.server.port), 5) as client:
                client.sendall(request)
                answer = b"".join(iter(lambda: client.recv(65536), b""))
            self.assertRegex(answer, rb"^HTTP/1\.1 4\d\d ", request[:40])
        self.assertEqual(self.server.get("/livez")[0], 200)

    def test_host_is_alive_while_a_handler_is_slow(self) -> None:
        self.send("slow.in", str(SLOW_MS))
        invoked = threading.Thread(target=self.server.invoke,
                                   args=("slow", {"value": str(SLOW_MS)}))
        started = time.monotonic()
        invoked.start()
        asked = 0
        while invoked.is_alive():
            for path in ("/livez", "/readyz", "/metrics", "/api/v1/functions"):
                watch = Stopwatch()
                refused = path == "/readyz"  # One function is, so the host is not ready.
                self.assertEqual(self.server.get(path)[0], 503 if refused else 200, path)
                self.assertLess(watch.seconds(), LIVE_LIMIT_S + watch.busy_s(), path)
            asked += 1
            invoked.join(0.1)
        self.assertGreaterEqual(time.monotonic() - started, SLOW_MS / 1000)
        self.assertGreater(asked, 1)
        self.assertEqual(self.server.terminate(), 0)

    def test_slow_handler_of_one_function_does_not_delay_another(self) -> None:
        slow = threading.Thread(target=self.server.invoke, args=("slow", {"value": str(SLOW_MS)}))
        slow.start()
        asked = 0
        while slow.is_alive():
            status, answer = self.server.invoke("echo", {"value": "x"})
            self.assertEqual((status, answer["outcome"]), (200, "done"))
            asked += slow.is_alive()
        self.assertGreater(asked, 1)

    def test_health_version_and_metrics(self) -> None:
        self.assertEqual(json.loads(self.server.get("/livez")[1])["live"], True)
        self.assertIn("function refused: ", self.server.problems())
        version = json.loads(self.server.get("/version")[1])
        self.assertEqual(run("version").stdout,
                         f"millrace {version['version']}, function ABI {version['abi']}\n")

        def lag():
            text = self.server.get("/metrics")[1]
            return re.findall(r'^millrace_lag_records\{function="counts",topic="in",'
                              r'partition="\d"\} (\d+)$', text, re.M)

        wait_until(lambda: lag() == ["0"] * PARTITIONS, "the lag of every partition falls to 0")
        if not shutil.which("promtool"):
            self.skipTest("no promtool here: the metrics' form is not checked")
        checked = subprocess.run(["promtool", "check", "metrics"], text=True, capture_output=True,
                                 input=self.server.get("/metrics")[1], timeout=30)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_invoke_command_tells_the_outcome_by_its_exit_code(self) -> None:
        done = self.command("counts", "--key", "key-1", "--value", "x")
        self.assertEqual((done.returncode, json.loads(done.stdout)["emitted"][0]["value"]),
                         (0, "1:4"), done.stderr)
        self.assertEqual(self.command("echo", "--tombstone").returncode, 0)
        for value in ("retry", "drop", "dead-letter", "fatal", "unknown"):
            answer = self.command("outcomes", "--key", "k", "--value", value)
            self.assertEqual(answer.returncode, 1, answer)
        for function in ("nobody", "refused"):
            self.assertEqual(self.command(function, "--value", "x").returncode, 1, function)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        away = run("invoke", "echo", "--value", "x", "--server", f"127.0.0.1:{port}")
        self.assertEqual(away.returncode, 69, away)
        self.assertIn(f"127.0.0.1:{port}", away.stderr)
