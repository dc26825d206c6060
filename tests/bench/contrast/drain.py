# SPDX-License-Identifier: Apache-2.0
"""Drain: a full topic, as fast as the engine can, seen from outside.

The same for every engine: time begins with the first output that a read_committed reader could
see and ends with the last one; the group's offsets must then be at the end of the input.
"""
import dataclasses
import time

from . import machine
from .engines import Engine, Job
from .errors import BenchError
from .instance import Instance
from .lab import Input, Lab

LOOK_S = 0.05
STALL_S = 120.0  # Without anything new.
MILLION = 1e6
MEGABYTE = 1e6


@dataclasses.dataclass(frozen=True)
class Sample:
    at: float
    visible: int  # Stable ends of the output, summed: markers of transactions count.
    engine: machine.Usage
    store: machine.Usage
    broker: machine.Usage
    machine: machine.MachineTime


class Watch:
    """Looks at the output and at what everything has used."""

    def __init__(self, lab: Lab, engine: Engine, job: Job, running: Instance) -> None:
        self._lab, self._job, self._group = lab, job, engine.group(job)
        self._services = ([lab.store_pid()] if engine.uses_store else [], [lab.broker_pid()])
        self._running = running
        self._admin = lab.admin()

    def sample(self) -> Sample:
        visible = sum(self._admin.end_offsets(self._job.output, committed=True).values())
        engine, store, broker = (machine.usage(pids)
                                 for pids in (self._running.pids, *self._services))
        return Sample(time.monotonic(), visible, engine, store, broker, machine.machine_time())

    def is_done(self, records: int, sample: Sample) -> bool:
        """All of the input is behind the group, and no transaction is open on the output."""
        if sample.visible < records:
            return False
        ends = self._admin.end_offsets(self._job.input)
        offsets = self._admin.committed_offsets(self._group).get(self._job.input, {})
        if any(offsets.get(str(p), 0) < end for p, end in ends.items() if end > 0):
            return False
        return sum(self._admin.end_offsets(self._job.output).values()) == sample.visible

    def until_drained(self, records: int) -> tuple[Sample, Sample, Sample]:
        """The sample at the first visible output, at the last one, and when all was committed."""
        first = last = None
        changed_at = time.monotonic()
        while True:
            self._running.require_alive()
            sample = self.sample()
            if last is None or sample.visible > last.visible:
                last, changed_at = sample, sample.at
                if sample.visible > 0 and first is None:
                    first = sample
            elif self.is_done(records, sample):
                return first, last, sample
            if sample.at - changed_at > STALL_S:
                raise BenchError(f"{self._job.output} stands at {sample.visible} of {records} for "
                                 f"{STALL_S:.0f} s; the engine's log ends:\n"
                                 f"{self._running.log_tail()}")
            time.sleep(LOOK_S)


def drain(lab: Lab, engine: Engine, job: Job, input: Input) -> dict[str, float]:
    lab.fresh_topic(job.output)
    if engine.uses_store:
        lab.fresh_store()
    broker_before = machine.usage([lab.broker_pid()])
    machine_before = machine.machine_time()
    began = time.monotonic()
    running = engine.start(job)
    try:
        first, last, done = Watch(lab, engine, job, running).until_drained(input.records)
        running.stop()
    finally:
        running.end()
    lab.check(job.output, job.cell, input)
    lab.delete_topic(job.output)
    figures = _window(first, last, done, input.records)
    whole_broker, whole_machine = done.broker - broker_before, done.machine - machine_before
    return figures | {
        "total_s": last.at - began,
        "total_cpu_s": done.engine.cpu_s + done.store.cpu_s,
        "total_cpu_s_broker": whole_broker.cpu_s,
        "total_cpu_s_machine": whole_machine.busy_s,
        "start_s": first.at - began,
        "peak_mb_engine": done.engine.peak_bytes / MEGABYTE,
        "peak_mb_store": done.store.peak_bytes / MEGABYTE,
        "peak_mb": (done.engine.peak_bytes + done.store.peak_bytes) / MEGABYTE,
        "written_mb_engine": done.engine.written_bytes / MEGABYTE,
        "written_mb_store": done.store.written_bytes / MEGABYTE,
        "written_mb_broker": whole_broker.written_bytes / MEGABYTE,
    }


def _window(first: Sample, last: Sample, done: Sample, records: int) -> dict[str, float]:
    """From the first visible output to the last. What was visible at the first is not counted."""
    counted = records - first.visible
    seconds = last.at - first.at
    if counted <= 0 or seconds <= 0:
        return {}
    per_million = MILLION / counted
    engine, store = done.engine - first.engine, done.store - first.store
    return {
        "records_per_s": counted / seconds,
        "cpu_s_per_million": (engine.cpu_s + store.cpu_s) * per_million,
        "cpu_s_per_million_engine": engine.cpu_s * per_million,
        "cpu_s_per_million_store": store.cpu_s * per_million,
        "cpu_s_per_million_broker": (done.broker - first.broker).cpu_s * per_million,
        "cpu_s_per_million_machine": (done.machine - first.machine).busy_s * per_million,
        "window_s": seconds,
    }
