# SPDX-License-Identifier: Apache-2.0
"""What the peers on a JVM have in common: they take name=value and tell their first record."""
import shutil
from pathlib import Path

from .engines import Engine, Job
from .instance import Instance
from .peers import class_path

FIRST_RECORD = "first-record"


class JvmPeer(Engine):
    main = ""                    # The class that is started.
    environment: dict[str, str] = {}

    def __init__(self, build: Path) -> None:
        self._build = build

    def flags(self, job: Job) -> tuple[str, ...]:
        """Of the JVM."""
        raise NotImplementedError

    def prepare(self) -> None:
        class_path(self.family, self._build)

    def launch(self, job: Job, instance: str, values: dict[str, object], *,
               flags: tuple[str, ...] | None = None, before: tuple[str, ...] = (),
               kind: type[Instance] = Instance) -> Instance:
        """`flags` instead of the peer's own; `before` comes before the values."""
        folder = self.folder(job, instance)
        folder.mkdir(parents=True, exist_ok=True)
        words = [*before, *(f"{name}={value}" for name, value in values.items())]
        return kind(["java", *(self.flags(job) if flags is None else flags),
                     "-cp", class_path(self.family, self._build), self.main, *words],
                    folder / "log", set(job.processors) or None, self.environment)

    @staticmethod
    def folder(job: Job, instance: str) -> Path:
        return job.folder / instance

    def state_folder(self, job: Job, instance: str) -> Path:
        """What is lost with the machine's disk."""
        return self.folder(job, instance) / "state"

    def first_record_at(self, running: Instance, timeout_s: float) -> float:
        return running.wait_line(FIRST_RECORD, timeout_s)[0]

    def group(self, job: Job) -> str:
        return job.name

    def lose_disk(self, job: Job, instance: str = "a") -> None:
        shutil.rmtree(self.state_folder(job, instance), ignore_errors=True)
