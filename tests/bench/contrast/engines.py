# SPDX-License-Identifier: Apache-2.0
"""The engines that are compared: how each is started, and with which settings and why."""
import dataclasses
import http.client
import json
import time
from pathlib import Path

from .instance import Instance
from .trial import CELLS

FUNCTION = "bench"
LINGER_MS = {"exactly_once": 5, "at_least_once": 1}
MILLRACE_COMMIT_MS = 100
MANY_KEYS = 1_000_000
HTTP_TIMEOUT_S = 5.0


@dataclasses.dataclass(frozen=True)
class Job:
    """What one run of an engine works on; a name of its own per trial."""
    name: str
    cell: str  # "aggregate" or "pass-through"
    input: str
    output: str
    kafka: str
    redis: str
    folder: Path  # The trial's own; each instance has a folder below it.
    session_ms: int = 10_000
    heartbeat_ms: int = 1_000
    keys: int = 0  # Of which there will be state; memory is sized by it, as a user would.
    commit_ms: int | None = None  # None: the engine's own choice for throughput.
    processors: frozenset[int] = frozenset()


class Engine:
    name = ""
    family = ""          # As it is named on the command line.
    uses_store = False   # Redis is part of it.
    exactly_once = True
    has_latency = True
    cells = CELLS

    def prepare(self) -> None:
        """Builds what is not built yet."""

    def start(self, job: Job, instance: str = "a") -> Instance:
        """Starts a process; the same instance of the same job goes on where it was."""
        raise NotImplementedError

    def first_record_at(self, running: Instance, timeout_s: float) -> float:
        """When this process had its first record, monotonic; waits for it."""
        raise NotImplementedError

    def group(self, job: Job) -> str:
        raise NotImplementedError

    def lose_disk(self, job: Job, instance: str = "a") -> None:
        """The machine's local disk is gone: what the engine calls durable elsewhere stays."""
        raise NotImplementedError

    def detection_s(self, job: Job) -> float:
        """Of a restart after a kill: what passes until the group gives the partitions again."""
        raise NotImplementedError

    def settings(self) -> dict[str, str]:
        """For the fairness table."""
        raise NotImplementedError


class Millrace(Engine):
    family = "millrace"
    uses_store = True

    def __init__(self, build: Path, delivery: str) -> None:
        self._build, self._delivery = build, delivery
        self.name = "millrace " + delivery.replace("_", " ")
        self.exactly_once = delivery == "exactly_once"

    def start(self, job: Job, instance: str = "a") -> Instance:
        folder = job.folder / instance
        (folder / "functions").mkdir(parents=True, exist_ok=True)
        config = folder / "millrace.yaml"
        config.write_text(json.dumps(self._config(job, instance, folder), indent=1))
        running = Instance([str(self._build / "bin/millrace"), "run", "-c", str(config)],
                           folder / "log", set(job.processors) or None)
        running.wait_line("HTTP=")
        return running

    def _config(self, job: Job, instance: str, folder: Path) -> dict:
        library = (self._build / "tests/bench/bench_aggregate.so" if job.cell == "aggregate"
                   else self._build / "functions/echo.so")
        output = "changes" if job.cell == "aggregate" else "out"
        return {
            "host": {"namespace": job.name, "id": f"{job.name}-{instance}",
                     "functions_dir": str(folder / "functions"),
                     "cache_dir": str(folder / "cache"), "http": {"listen": "127.0.0.1:0"}},
            "kafka": {"bootstrap.servers": job.kafka, "session.timeout.ms": job.session_ms,
                      "heartbeat.interval.ms": job.heartbeat_ms},
            "redis": {"url": job.redis},
            "functions": {FUNCTION: {
                "library": str(library), "delivery": self._delivery,
                "commit_interval": f"{job.commit_ms or MILLRACE_COMMIT_MS}ms",
                "triggers": [{"kafka": {"topics": [job.input], "start": "earliest"}}],
                "outputs": {output: job.output}}}}

    def first_record_at(self, running: Instance, timeout_s: float) -> float:
        _, line = running.wait_line("HTTP=")
        port = int(line.rpartition(":")[2])
        running.wait_for(lambda: _ingested(port) > 0, "a record that was ingested", timeout_s)
        return time.monotonic()

    def group(self, job: Job) -> str:
        return f"millrace.{job.name}.{FUNCTION}"

    def lose_disk(self, job: Job, instance: str = "a") -> None:
        """Nothing is on it but copies of the libraries; Redis is another machine's."""

    def detection_s(self, job: Job) -> float:
        """A restarted host is a new member and waits for the former one's session."""
        return job.session_ms / 1000

    def settings(self) -> dict[str, str]:
        return {
            "delivery": self._delivery,
            "commit or checkpoint": f"{MILLRACE_COMMIT_MS} ms (the default)",
            "store and its durability": "Redis on the same machine, append-only file, everysec",
            "replication": "none: one broker, one Redis",
            "caches": "64 MiB of state (the default)",
            "batch and linger": f"librdkafka: linger {LINGER_MS[self._delivery]} ms, batches of up "
                                "to 1 MB (the default)",
            "threads": "one lane (the default), one librdkafka thread per broker and client",
            "heap": "jemalloc",
            "left at its default": "everything but topics and addresses",
        }


def _ingested(port: int) -> float:
    """0 while the host does not tell it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HTTP_TIMEOUT_S)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except OSError:
        return 0
    finally:
        connection.close()
    series = f'millrace_records_ingested_total{{function="{FUNCTION}"}} '
    return next((float(line[len(series):]) for line in text.splitlines()
                 if line.startswith(series)), 0)
