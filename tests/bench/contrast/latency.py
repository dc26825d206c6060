# SPDX-License-Identifier: Apache-2.0
"""Latency: records are sent on a schedule that waits for nobody, and each output's delay counts
from when its input was to be sent, so that a stall is charged to every record behind it."""
from . import machine
from .engines import Engine, Job
from .errors import BenchError
from .lab import SEED, Lab

PERCENTILES = ("p50", "p95", "p99", "p99_9", "max")
SEND_LAG_MAX_MS = 50.0  # Above it the sender itself was late: the trial says nothing.


def latency(lab: Lab, engine: Engine, job: Job, rate: int, seconds: float, warmup_s: float,
            keys: int, size: int) -> dict[str, float]:
    lab.fresh_topic(job.input)
    lab.fresh_topic(job.output)
    if engine.uses_store:
        lab.fresh_store()
    running = engine.start(job)
    try:
        before = machine.usage(running.pids + ([lab.store_pid()] if engine.uses_store else []))
        found = lab.tool.run("pace", brokers=lab.kafka, input=job.input, output=job.output,
                             cell=job.cell, rate=rate, seconds=warmup_s + seconds,
                             warmup_seconds=warmup_s,
                             keys=keys, bytes=size, seed=SEED)
        used = machine.usage(running.pids + ([lab.store_pid()] if engine.uses_store else []))
        running.stop()
    finally:
        running.end()
    if found["missing"] > 0:
        raise BenchError(f"{found['missing']} of {found['sent']} outputs are missing in "
                         f"{job.output}; the engine's log ends:\n{running.log_tail()}")
    lab.delete_topic(job.input)
    lab.delete_topic(job.output)
    figures = {f"latency_ms_{name}": found["latency_ms"][name] for name in PERCENTILES}
    return figures | {"rate": rate, "send_lag_ms_max": found["send_lag_ms_max"],
                      "cpu_s_per_million": (used - before).cpu_s / (found["sent"] / 1e6)}
