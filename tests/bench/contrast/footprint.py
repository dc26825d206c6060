# SPDX-License-Identifier: Apache-2.0
"""Start-up and idle footprint of an engine that has nothing to do."""
import time

from . import machine
from .drain import Watch
from .engines import Engine, Job
from .lab import SEED, Lab

FOOTPRINT_RECORDS = 1000
IDLE_S = 10.0


def footprint(lab: Lab, engine: Engine, job: Job, size: int) -> dict[str, float]:
    """Start-up: from the start of the process until its first output can be read, with records
    waiting. Idle: after it, what ten seconds without a record take."""
    lab.fresh_topic(job.output)
    if engine.uses_store:
        lab.fresh_store()
    lab.tool.run("fill", brokers=lab.kafka, topic=job.input, partitions=4, seed=SEED,
                 records=FOOTPRINT_RECORDS, keys=FOOTPRINT_RECORDS, bytes=size)
    began = time.monotonic()
    running = engine.start(job)
    try:
        first, _, _ = Watch(lab, engine, job, running).until_drained(FOOTPRINT_RECORDS)
        time.sleep(1.0)
        pids = running.pids
        before = machine.usage(pids)
        time.sleep(IDLE_S)
        idle = machine.usage(pids) - before
        store = machine.resident_bytes([lab.store_pid()]) if engine.uses_store else 0
        figures = {"start_s": first.at - began, "idle_cpu_percent": idle.cpu_s / IDLE_S * 100,
                   "idle_mb": machine.resident_bytes(pids) / 1e6, "idle_mb_store": store / 1e6}
        running.stop()
    finally:
        running.end()
    lab.delete_topic(job.input)
    lab.delete_topic(job.output)
    return figures
