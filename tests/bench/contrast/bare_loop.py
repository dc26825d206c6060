# SPDX-License-Identifier: Apache-2.0
"""The upper bound of pass-through: a loop of librdkafka calls that consumes and produces, with key and
value alone, and with records like millrace's."""
from pathlib import Path

from .engines import Engine, Job
from .instance import Instance

COMMIT_MS = 100


class BareLoop(Engine):
    family = "bare"
    has_latency = False
    cells = ("pass-through",)

    def __init__(self, build: Path, delivery: str, as_host: bool = False) -> None:
        self._build, self._delivery, self._as_host = build, delivery, as_host
        self.name = ("loop with ids " if as_host else "bare loop ") + delivery.replace("_", " ")
        self.exactly_once = delivery == "exactly_once"

    def start(self, job: Job, instance: str = "a") -> Instance:
        folder = job.folder / instance
        folder.mkdir(exist_ok=True)
        return Instance([str(self._build / "bin/bench_load"), "loop", "--brokers", job.kafka,
                         "--input", job.input, "--output", job.output, "--delivery",
                         self._delivery, "--commit-interval-ms", str(job.commit_ms or COMMIT_MS),
                         "--group", self.group(job),
                         *(["--as-host"] if self._as_host else [])],
                        folder / "log", set(job.processors) or None)

    def group(self, job: Job) -> str:
        return f"loop-{job.name}"

    def settings(self) -> dict[str, str]:
        return {"delivery": self._delivery, "commit or checkpoint": f"{COMMIT_MS} ms",
                "store and its durability": "none", "replication": "none: one broker",
                "batch and linger": "as millrace sets librdkafka",
                "records": "timestamp and id of millrace's, one call each" if self._as_host
                else "key and value, a call per batch",
                "threads": "one, and librdkafka's"}
