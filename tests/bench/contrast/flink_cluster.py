# SPDX-License-Identifier: Apache-2.0
"""Flink as a cluster of processes, which scale-out needs: one job manager, a task manager per instance,
and the adaptive scheduler; peers/flink/README.md has the reasons for its settings."""
import socket
import urllib.error
import urllib.request
from pathlib import Path

from .engines import Job
from .errors import BenchError
from .flink import GC_FLAGS, MODULE_FLAGS, Flink
from .instance import Instance

SLOTS = 2           # Of each task manager.
PARALLELISM = 4     # At most: the partitions of the input.
HTTP_TIMEOUT_S = 1.0
JOB_MANAGER_FLAGS = ("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC")
TASK_MANAGER_FLAGS = ("-Xms384m", "-Xmx384m", *GC_FLAGS)  # What FlinkCluster tells Flink it has.
SUBMIT_FLAGS = ("-Xmx128m",)


class TaskManager(Instance):
    """The first one ends the job manager with it."""
    job_manager: Instance | None = None

    def require_alive(self) -> None:
        super().require_alive()
        if self.job_manager:
            self.job_manager.require_alive()

    def stop(self) -> None:
        try:
            super().stop()
        finally:
            self._end_job_manager()

    def end(self) -> None:
        super().end()
        self._end_job_manager()

    def _end_job_manager(self) -> None:
        if self.job_manager:
            self.job_manager.end()


class FlinkCluster(Flink):
    main = "millrace.bench.FlinkCluster"
    has_latency = False

    def __init__(self, build: Path) -> None:
        super().__init__(build, "heap")
        self.name = "flink-cluster"
        self.cells = ("scale-out",)
        self._ports: dict[str, tuple[int, int]] = {}  # By job: for RPC and for REST.

    def start(self, job: Job, instance: str = "a") -> Instance:
        if job.name in self._ports:
            return self._run(job, instance, "task-manager", SLOTS, TASK_MANAGER_FLAGS, TaskManager)
        self._ports[job.name] = (_free_port(), _free_port())
        manager = self._run(job, "job-manager", "job-manager", PARALLELISM, JOB_MANAGER_FLAGS)
        try:
            self._await_rest(job, manager)
            first = self._run(job, instance, "task-manager", SLOTS, TASK_MANAGER_FLAGS, TaskManager)
            first.job_manager = manager
        except BaseException:
            manager.end()
            raise
        try:
            self._submit(job)
        except BaseException:
            first.end()
            raise
        return first

    def _run(self, job: Job, instance: str, role: str, parallelism: int, flags: tuple[str, ...],
             kind: type[Instance] = Instance) -> Instance:
        return self.launch(job, instance, self.values(job, instance, parallelism),
                           flags=(*flags, *MODULE_FLAGS),
                           before=(role, *map(str, self._ports[job.name])), kind=kind)

    def _await_rest(self, job: Job, manager: Instance) -> None:
        url = f"http://127.0.0.1:{self._ports[job.name][1]}/overview"

        def answers() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as answer:
                    return answer.status == 200
            except (urllib.error.URLError, OSError):
                return False

        manager.wait_for(answers, f"an answer of the job manager at {url}")

    def _submit(self, job: Job) -> None:
        submission = self._run(job, "submit", "submit", PARALLELISM, SUBMIT_FLAGS)
        try:
            if submission.wait_end() != 0:
                raise BenchError("the job was not taken; the end of the log:\n"
                                 + submission.log_tail())
        finally:
            submission.end()

    def settings(self) -> dict[str, str]:
        return super().settings() | {
            "threads": f"{SLOTS} slots in each task manager, job manager apart, adaptive scheduler "
                       "without waiting times",
            "heap": " ".join(TASK_MANAGER_FLAGS)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
