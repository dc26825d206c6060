# SPDX-License-Identifier: Apache-2.0
"""The upper bound of pass-through: a loop of librdkafka calls that consumes and produces."""
from pathlib import Path

from .engines import Engine, Job
from .instance import Instance

COMMIT_MS = 100


class BareLoop(Engine):
    family = "bare"
    has_latency = False
    cells = ("pass-through",)

    def __init__(self, build: Path, delivery: str) -> None:
        self._build, self._delivery = build, delivery
        self.name = "bare loop " + delivery.replace("_", " ")
        self.exactly_once = delivery == "exactly_once"

    def start(self, job: Job, instance: str = "a") -> Instance:
        folder = job.folder / instance
        folder.mkdir(exist_ok=True)
        return Instance([str(self._build / "bin/bench_load"), "loop", "--brokers", job.kafka,
                         "--input", job.input, "--output", job.output, "--delivery",
                         self._delivery, "--commit-interval-ms", str(job.commit_ms or COMMIT_MS),
                         "--group", self.group(job)], folder / "log", set(job.processors) or None)

    def group(self, job: Job) -> str:
        return f"loop-{job.name}"

    def settings(self) -> dict[str, str]:
        return {"delivery": self._delivery, "commit or checkpoint": f"{COMMIT_MS} ms",
                "store and its durability": "none", "replication": "none: one broker",
                "batch and linger": "as millrace sets librdkafka", "threads": "one, and librdkafka's"}
