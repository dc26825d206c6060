# SPDX-License-Identifier: Apache-2.0
"""What the tests of the host share: services, host processes, a feed, and looking at results.

Needs in the environment: MILLRACE (the program), MILLRACE_FUNCTIONS and MILLRACE_LIBRARIES (folders
of example and test libraries), KAFKA_FEED, KAFKA_DUMP, DELAY_PROXY (programs).
"""
import http.client
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from millrace_stack import Stack, StackError  # noqa: E402, F401
import redo  # noqa: E402
from redis_client import Redis  # noqa: E402

WAIT_S = 30.0
POLL_S = 0.02
HTTP_TIMEOUT_S = 20.0
SESSION_MS, HEARTBEAT_MS = 1500, 300
LOG_TAIL_BYTES = 3000
PACE_CHUNK, PACE_S = 50, 0.025
CPU_PRESSURE = Path("/proc/pressure/cpu")
BUSY_MAX_S = 4.0


def wait_until(predicate: Callable[[], object], what: str, timeout_s: float = WAIT_S):
    """Polls until the predicate is true and returns its value."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what}; last seen: {value!r}")
        time.sleep(POLL_S)


class Stopwatch:
    """Measures what has to happen within a time. The limit holds as it is on a machine that has
    CPUs to spare; on a busy one it grows by the time in which something waited for a CPU since
    the start, as the kernel counts it, up to BUSY_MAX_S."""

    def __init__(self) -> None:
        self._began, self._waited = time.monotonic(), self._waited_for_cpu_s()

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def busy_s(self) -> float:
        return min(self._waited_for_cpu_s() - self._waited, BUSY_MAX_S)

    @staticmethod
    def _waited_for_cpu_s() -> float:
        """0 where the kernel does not count it."""
        try:
            return int(CPU_PRESSURE.read_text().split("total=")[1].split()[0]) / 1e6
        except (OSError, IndexError):
            return 0.0


def library(name: str) -> str:
    return str(Path(os.environ["MILLRACE_FUNCTIONS"]) / f"{name}.so")


def tests_library(name: str) -> str:
    return str(Path(os.environ["MILLRACE_LIBRARIES"]) / f"{name}.so")


class Host:
    """One `millrace run` with a folder of its own; may be started again after its end.

    Other `arguments` make it another command that serves HTTP.
    """

    def __init__(self, folder: Path, config: dict) -> None:
        self.folder = folder
        (folder / "functions").mkdir(parents=True)
        config.setdefault("host", {}).update(
            id=folder.name, functions_dir=str(folder / "functions"),
            cache_dir=str(folder / "cache"), http={"listen": "127.0.0.1:0"})
        (folder / "millrace.yaml").write_text(json.dumps(config, indent=1))
        self.arguments = ["run", "-c", str(folder / "millrace.yaml")]
        self.port = 0
        self.embedded_brokers = ""  # Of `dev` alone.
        self._log = folder / "log"
        self._process: subprocess.Popen | None = None

    def start(self, environment: dict[str, str] | None = None) -> "Host":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [os.environ["MILLRACE"], *self.arguments], cwd=self.folder,
                env=os.environ | (environment or {}),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        ready = select.select([self._process.stdout], [], [], WAIT_S)[0]
        line = self._process.stdout.readline().decode() if ready else ""
        if line and self.arguments[0] == "dev":
            second = self._process.stdout.readline().decode()
            self.embedded_brokers = second.strip().removeprefix("KAFKA=")
        self._process.stdout.close()
        if not line.startswith("HTTP="):
            raise AssertionError(f"the host did not start: {line!r}\n{self.log()}")
        self.port = int(line.strip().rpartition(":")[2])
        return self

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(WAIT_S)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float = WAIT_S) -> int:
        """The exit code, once the host has ended."""
        return self._process.wait(timeout_s)

    def terminate(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        if self.alive:
            self.kill()

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def function(self, name: str) -> dict:
        """As the API tells; empty while the host does not have it yet."""
        status, body = self.get(f"/api/v1/functions/{name}")
        return json.loads(body) if status == 200 else {}

    def reasons(self) -> list[str]:
        """Why it is not ready, as /readyz tells; empty: it is."""
        status, body = self.get("/readyz")
        reasons = json.loads(body)["reasons"]
        assert (status == 200) == (not reasons), body
        return reasons

    def partitions(self, name: str) -> list[int]:
        """The tasks that run here."""
        tasks = self.function(name).get("tasks", [])
        return sorted(t["partition"] for t in tasks if t["state"] in ("running", "retrying"))

    def count(self, name: str, *path: str) -> int:
        """A counter of the function; 0 while there is none."""
        value = self.function(name).get("counters", {})
        for step in path:
            value = value.get(step, {})
        return value or 0


class Feed:
    """Records into one topic, in order, acknowledged by the broker when `flush` returns."""

    def __init__(self, brokers: str, topic: str) -> None:
        self._process = subprocess.Popen(
            [os.environ["KAFKA_FEED"], "--brokers", brokers, "--topic", topic],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.sent = 0
        self._delivered = 0

    def send(self, records: list[tuple[str, str]], header: str = "") -> None:
        lines = "".join(f"{header}\t{key}\t{value}\n" for key, value in records)
        self._process.stdin.write(lines.encode())
        self._process.stdin.flush()
        self.sent += len(records)

    def flush(self) -> None:
        while self._delivered < self.sent:
            line = self._process.stdout.readline()
            if not line:
                raise AssertionError(f"kafka_feed ended with {self._process.wait()}")
            self._delivered = int(line)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.read()
        self._process.stdout.close()
        if code := self._process.wait(WAIT_S):
            raise AssertionError(f"kafka_feed ended with {code}")


class DelayProxy:
    """In front of one port; commands as in tests/tools/README.md."""

    def __init__(self, port: int, delay_ms: int = 0) -> None:
        self._process = subprocess.Popen(
            [os.environ["DELAY_PROXY"], "--to", f"127.0.0.1:{port}", "--delay-ms", str(delay_ms)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        port = self._process.stdout.readline().strip().removeprefix("PORT=")
        self.redis_url = f"redis://127.0.0.1:{port}/0"

    def tell(self, command: str) -> None:
        self._process.stdin.write(command + "\n")
        answer = self._process.stdout.readline()
        assert answer.startswith("OK"), answer

    def signal(self, number: int) -> None:
        """SIGSTOP holds all traffic back, SIGCONT lets it arrive."""
        self._process.send_signal(number)

    def close(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(WAIT_S)


class HostTest(unittest.TestCase):
    """Gives each program one stack, and each test hosts that end with it."""

    @classmethod
    def setUpClass(cls) -> None:
        cls._folder = Path(tempfile.mkdtemp(prefix="millrace-host-"))
        cls.addClassCleanup(shutil.rmtree, cls._folder, ignore_errors=True)
        cls.stack = Stack(cls._folder / "stack")
        cls.addClassCleanup(cls.stack.down)
        cls.stack.up()
        cls.brokers = cls.stack.bootstrap_servers()
        cls.kafka = cls.stack.kafka()
        cls.redis = Redis(cls.stack.redis_url())
        cls.addClassCleanup(cls.redis.close)

    def setUp(self) -> None:
        self.hosts: list[Host] = []
        self.addCleanup(self._end_hosts)

    def _end_hosts(self) -> None:
        outcome = getattr(self, "_outcome", None)
        failed = bool(outcome and getattr(outcome, "result", None) and any(
            test is self for test, _ in outcome.result.failures + outcome.result.errors))
        for host in self.hosts:
            host.end()
            if failed or not getattr(outcome, "success", True):
                print(f"\n--- log of {host.folder.name}:\n{host.log()[-LOG_TAIL_BYTES:]}",
                      file=sys.stderr)

    def check_within(self, limit_s: float, watch: Stopwatch, took_s: float, what: str) -> None:
        busy_s = watch.busy_s()
        print(f"\n  measured: {what}: {took_s * 1000:.0f} ms (+ {busy_s * 1000:.0f} ms allowed on a "
              "busy machine)", file=sys.stderr, flush=True)
        self.assertLess(took_s, limit_s + busy_s, what)

    def config(self, functions: dict, **host: str) -> dict:
        return {"host": dict(host), "redis": {"url": self.stack.redis_url()},
                "kafka": {"bootstrap.servers": self.brokers, "session.timeout.ms": SESSION_MS,
                          "heartbeat.interval.ms": HEARTBEAT_MS},
                "functions": functions}

    def host(self, config: dict, name: str = "a") -> Host:
        """A host that is not started yet."""
        host = Host(self._folder / f"{self._testMethodName}-{name}", config)
        self.hosts.append(host)
        return host

    def feed(self, topic: str) -> Feed:
        feed = Feed(self.brokers, topic)
        self.addCleanup(feed.close)
        return feed

    def give(self, count: int) -> None:
        """The next events; what they are is up to the test."""
        raise NotImplementedError

    def pace(self, seconds: float) -> None:
        """Gives events for that long, 2,000 a second at most."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.give(PACE_CHUNK)
            time.sleep(PACE_S)

    def redis_proxy(self, delay_ms: int = 0) -> DelayProxy:
        proxy = DelayProxy(self.stack.status()["redis"]["port"], delay_ms)
        self.addCleanup(proxy.close)
        return proxy

    def dump(self, topic: str) -> list[dict]:
        done = subprocess.run(
            [os.environ["KAFKA_DUMP"], "--brokers", self.brokers, "--topic", topic],
            stdout=subprocess.PIPE, check=True, timeout=60)
        return [json.loads(line) for line in done.stdout.splitlines()]

    # What the services hold.

    def task_key(self, function: str, partition: int) -> str:
        return "{mr:default:%s:%d}" % (function, partition)

    def applied(self, function: str, topic: str, partitions: int = 4) -> list[int]:
        """Per partition, 0 while there is none."""
        replies = self.redis.commands(
            [("HGET", f"{self.task_key(function, p)}:task", f"applied:{topic}")
             for p in range(partitions)])
        return [int(reply or 0) for reply in replies]

    def ends(self, topic: str) -> list[int]:
        return list(self.kafka.end_offsets(topic).values())

    def committed(self, group: str, topic: str, partitions: int = 4) -> list[int]:
        """Per partition, 0 while there is none."""
        offsets = self.kafka.committed_offsets(group).get(topic, {})
        return [offsets.get(str(p), 0) for p in range(partitions)]

    def states(self, function: str, state: str, partitions: int = 4) -> dict[str, str]:
        """As committed: the redo laid over the fields, both as of one moment."""
        found = {}
        for partition in range(partitions):
            task = self.task_key(function, partition)
            cells = redo.committed(self.redis, task, state)
            found.update((key.decode(), value.decode()) for key, value in cells.items())
        return found

    def wait_all_applied(self, function: str, topic: str, timeout_s: float = WAIT_S) -> None:
        ends = self.ends(topic)
        wait_until(lambda: self.applied(function, topic, len(ends)) == ends,
                   f"{function} applies {topic} up to {ends}", timeout_s)
