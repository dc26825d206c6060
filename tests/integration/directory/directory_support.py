# SPDX-License-Identifier: Apache-2.0
"""What the tests of the directory, of bad input, HTTP and dev add to ../host/support.py.

Needs in the environment: MILLRACE (the program), MILLRACE_FUNCTIONS, MILLRACE_LIBRARIES and
MILLRACE_MARKED (folders of example, hostile and marked libraries).
"""
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kafka_client import Kafka, Record  # First: it makes the other folders known.
from support import Host, HostTest, Stopwatch, wait_until

RUN_LIMIT_S = 30.0
HTTP_TIMEOUT_S = 40.0  # Above the host's own limit for a handler.
ENVELOPE = {"Content-Type": "application/vnd.millrace.event+json"}


def example(name: str) -> Path:
    return Path(os.environ["MILLRACE_FUNCTIONS"]) / f"{name}.so"


def hostile(name: str) -> Path:
    return Path(os.environ["MILLRACE_LIBRARIES"]) / f"{name}.so"


def marked(name: str) -> Path:
    return Path(os.environ["MILLRACE_MARKED"]) / f"{name}.so"


def run(*arguments: str) -> subprocess.CompletedProcess:
    """The program with these arguments, to its end."""
    return subprocess.run([os.environ["MILLRACE"], *arguments], capture_output=True, text=True,
                          timeout=RUN_LIMIT_S, stdin=subprocess.DEVNULL)


def move_into(source: Path, target: Path) -> None:
    """A copy under another name first, so that the file is complete when it gets its own."""
    staged = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, staged)
    staged.rename(target)


def kafka_function(topics: str | list[str], library: str | None = None, **more: object) -> dict:
    """A function's document: what it reads, and more of its keys."""
    topics = [topics] if isinstance(topics, str) else topics
    return ({"library": library} if library else {}) | {
        "triggers": [{"kafka": {"topics": topics, "start": "earliest"}}]} | more


class FolderHost(Host):
    """A host whose folder of functions a test changes."""

    def __init__(self, folder: Path, config: dict | None) -> None:
        """`config`: of `run`; without it, `dev` on the folder of functions."""
        super().__init__(folder, config or {})
        self.functions_dir = folder / "functions"
        if config is None:
            self.arguments = ["dev", str(self.functions_dir), "--http", "127.0.0.1:0"]

    def put_library(self, source: Path, name: str) -> Path:
        target = self.functions_dir / f"{name}.so"
        move_into(source, target)
        return target

    def put_yaml(self, functions: dict, name: str) -> Path:
        """JSON is YAML."""
        return self.put_text(json.dumps({"functions": functions}, indent=1), name)

    def put_text(self, text: str, name: str) -> Path:
        staged = self.functions_dir / f".{name}.yaml.new"
        staged.write_text(text)
        return staged.rename(self.functions_dir / f"{name}.yaml")

    def ask(self, method: str, path: str, body: bytes | None = None,
            headers: dict | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def invoke(self, name: str, envelope: object) -> tuple[int, dict]:
        status, body = self.ask("POST", f"/api/v1/functions/{name}/invoke",
                                json.dumps(envelope).encode(), ENVELOPE)
        return status, json.loads(body)

    def state(self, name: str) -> str | None:
        return self.function(name).get("state")

    def generation(self, name: str) -> int:
        return (self.function(name).get("generation") or {}).get("number", 0)

    def history(self, name: str) -> list[tuple[int | None, str]]:
        """Number and state of its generations, and of files that became none."""
        return [(g["number"], g["state"]) for g in self.function(name)["generations"]]

    def problems(self) -> str:
        """All reasons of /readyz, a line each."""
        return "\n".join(self.reasons())

    def wait_state(self, name: str, state: str) -> dict:
        wait_until(lambda: self.state(name) == state, f"{name} is {state}")
        return self.function(name)

    def wait_ready(self) -> None:
        wait_until(lambda: not self.reasons(), "the host is ready")


class FolderTest(HostTest):
    """Without services; see StackTest."""

    @classmethod
    def setUpClass(cls) -> None:
        cls._folder = Path(tempfile.mkdtemp(prefix="millrace-directory-"))
        cls.addClassCleanup(shutil.rmtree, cls._folder, ignore_errors=True)

    @property
    def folder(self) -> Path:
        return self._folder

    def new_host(self, config: dict | None) -> FolderHost:
        """Not started yet."""
        host = FolderHost(self._folder / f"{self._testMethodName[:60]}-{len(self.hosts)}", config)
        self.hosts.append(host)
        return host

    def measured(self, what: str, seconds: float) -> None:
        print(f"\n  measured: {what}: {seconds * 1000:.0f} ms", file=sys.stderr, flush=True)


class StackTest(FolderTest):
    """One Kafka and one Redis for all tests of a program."""

    @classmethod
    def setUpClass(cls) -> None:
        HostTest.setUpClass.__func__(cls)
        cls.records = Kafka(cls.brokers)
        cls.addClassCleanup(cls.records.close)

    def started(self) -> FolderHost:
        return self.new_host(self.config({})).start()

    def topics(self, partitions: int, *names: str) -> None:
        for name in names:
            self.records.create_topic(name, partitions)

    def send(self, topic: str, *values: str | None, partition: int = 0,
             key: bytes | None = b"k") -> int:
        records = [Record(key, None if v is None else v.encode()) for v in values]
        return self.records.produce(topic, partition, records)

    def values(self, topic: str) -> list[str]:
        return [record.value.decode() for record in self.records.read(topic)]

    def wait_values(self, topic: str, wanted: list[str]) -> None:
        wait_until(lambda: self.values(topic) == wanted, f"{topic} holds {wanted}")

    def read_committed(self, topic: str) -> list[Record]:
        """As a reader sees it who leaves out what no transaction has committed."""
        return [Record(r["key"].encode(), r["value"].encode(), partition=r["partition"],
                       offset=r["offset"]) for r in self.dump(topic)]

    def members(self, function: str) -> list[dict]:
        return self.kafka.describe_group(f"millrace.default.{function}")["members"]

    def committed_by(self, function: str, topic: str) -> list[int]:
        """Per partition, 0 while there is none."""
        return self.committed(f"millrace.default.{function}", topic, len(self.ends(topic)))
