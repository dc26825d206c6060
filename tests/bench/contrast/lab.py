# SPDX-License-Identifier: Apache-2.0
"""The services that the trials run on, and the topics that they share."""
import dataclasses
import itertools
import shutil
import sys
from pathlib import Path

from . import machine
from .errors import BenchError
from .tools import LoadTool

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from millrace_stack import Stack, StackError  # noqa: E402

PARTITIONS = 4
SEED = 20150912
EXPECTED = {"aggregate": "aggregate", "pass-through": "pass_through"}


@dataclasses.dataclass(frozen=True)
class Input:
    topic: str
    records: int
    expected: dict[str, dict]  # Per cell: how many outputs, and their digest.


class Lab:
    """One Kafka for all trials, and a Redis that is made anew for each that uses it."""

    def __init__(self, folder: Path, build: Path, engine_processors: set[int],
                 service_processors: set[int]) -> None:
        self.folder, self.build = folder, build
        self.engine_processors = engine_processors
        self.tool = LoadTool(build / "bin/bench_load", service_processors or None)
        self.stack = Stack(folder / "stack")
        self.stack.up()
        self._inputs: dict[tuple, Input] = {}
        self._names = itertools.count(1)
        machine.pin([self.broker_pid()], service_processors) if service_processors else None
        self._pin_store()

    def close(self) -> None:
        self.stack.down()

    @property
    def kafka(self) -> str:
        return self.stack.bootstrap_servers()

    @property
    def redis(self) -> str:
        return self.stack.redis_url()

    def admin(self):
        return self.stack.kafka()

    def broker_pid(self) -> int:
        return self.stack.status()["kafka-1"]["pid"]

    def store_pid(self) -> int:
        return self.stack.status()["redis"]["pid"]

    def fresh_name(self) -> str:
        return f"t{next(self._names)}"

    def fresh_topic(self, name: str) -> str:
        self.admin().create_topic(name, PARTITIONS)
        return name

    def delete_topic(self, name: str) -> None:
        try:
            self.admin().delete_topic(name)
        except (StackError, OSError) as error:
            print(f"bench: topic {name} stays: {error}", file=sys.stderr)

    def fresh_store(self) -> None:
        """An empty Redis, as a new process: its peak of memory is that of one trial."""
        self.stack.stop("redis")
        shutil.rmtree(self.stack.folder / "redis" / "appendonlydir", ignore_errors=True)
        self.stack.start("redis")
        self._pin_store()

    def _pin_store(self) -> None:
        if self.engine_processors:
            machine.pin([self.store_pid()], self.engine_processors)

    def input(self, records: int, keys: int, size: int, sequential: bool = False) -> Input:
        """Filled once per kind; every engine reads the same bytes."""
        kind = (records, keys, size, sequential)
        if kind not in self._inputs:
            topic = f"in-{records}-{keys}-{size}" + ("-sequential" if sequential else "")
            filled = self.tool.run("fill", brokers=self.kafka, topic=topic, partitions=PARTITIONS,
                                   records=records, keys=keys, bytes=size, seed=SEED,
                                   sequential=sequential)
            self._inputs[kind] = Input(topic, records,
                                       {cell: filled[name] for cell, name in EXPECTED.items()})
        return self._inputs[kind]

    def check(self, output: str, cell: str, input: Input) -> None:
        """Every output there, once, with the right counts and sums; else the trial is void."""
        found = self.tool.run("check", brokers=self.kafka, topic=output, cell=cell)
        expected = input.expected[cell]
        for name in ("records", "digest"):
            if found[name] != expected[name]:
                raise BenchError(f"{output} is not what a right engine writes: {name} is "
                                 f"{found[name]}, expected {expected[name]}; all of it: {found}")
        if found["open_transaction"]:
            raise BenchError(f"{output} has an open transaction after the engine has stopped")
        if found.get("out_of_order", 0) > 0:
            raise BenchError(f"{output} has {found['out_of_order']} outputs out of order")
