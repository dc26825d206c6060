# SPDX-License-Identifier: Apache-2.0
"""Runs the trials of a plan, one after the other, and keeps what each gave at once."""
import dataclasses
import datetime
import statistics
import time

from . import machine, plan
from .drain import drain
from .engines import Engine, Job
from .errors import BenchError
from .footprint import footprint
from .lab import Lab
from .latency import latency
from .recovery import recovery, scale_out
from .records_file import RecordsFile
from .trial import Failure, Result, Trial

LATENCY_COMMIT_MS = 100   # The same for every engine.
RECOVERY_COMMIT_MS = 100
SESSION_MS, HEARTBEAT_MS = 3_000, 500  # Of recovery: known, and short enough to repeat trials.


class Runner:
    def __init__(self, lab: Lab, wanted: plan.Wanted, file: RecordsFile) -> None:
        self._lab, self._wanted, self._file = lab, wanted, file
        self._engines = {engine.name: engine for engine in wanted.engines}
        self.results: list[Result] = []
        self.failures: list[Failure] = []
        self._began, self._planned = time.monotonic(), 0

    def run(self) -> None:
        drains = {cell: plan.drains(self._wanted, cell)
                  for cell in ("aggregate", "pass-through") if cell in self._wanted.cells}
        rest = {cell: plan.others(self._wanted, cell)
                for cell in ("recovery", "scale-out", "footprint") if cell in self._wanted.cells}
        self._planned = sum(len(t) for t in rest.values())
        for cell, groups in drains.items():
            self._planned += sum(map(len, groups))
            self._planned += sum(len(self._latency_trials(group[0])) for group in groups)
        for groups in drains.values():
            for group in groups:
                self._run_all(group)
                self._run_all(self._latency_trials(group[0]))
        for trials in rest.values():
            self._run_all(trials)

    def _latency_trials(self, like: Trial) -> list[Trial]:
        return plan.latencies(self._wanted, like.cell, like.keys, like.bytes)

    def _run_all(self, trials: list[Trial]) -> None:
        for trial in trials:
            self._run_one(trial)

    def _run_one(self, trial: Trial) -> None:
        done = len(self.results) + len(self.failures)
        minutes = (time.monotonic() - self._began) / 60
        print(f"[{done + 1}/{self._planned}, {minutes:.1f} min] {trial.title()}", flush=True)
        spin_s, before = machine.spin_probe_s(), machine.machine_time()
        started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        try:
            figures = self._measure(trial)
        except BenchError as error:
            # One engine's failure says nothing about the trials behind it.
            self.failures.append(Failure(trial, str(error)))
            print(f"    FAILED: {error}", flush=True)
            return
        steal_s = (machine.machine_time() - before).steal_s
        result = Result(trial, figures, spin_s, steal_s, started)
        self.results.append(result)
        self._file.add(result)
        print("    " + _line(figures), flush=True)

    def _measure(self, trial: Trial) -> dict[str, float]:
        lab = self._lab
        if trial.measure == "bare":
            return self._bare(trial)
        engine, job = self._engines[trial.engine], self._job(trial)
        match trial.measure:
            case "drain":
                input = lab.input(trial.records, trial.keys, trial.bytes)
                return drain(lab, engine, self._with_input(job, input.topic), input)
            case "latency":
                return latency(lab, engine, job, self._rate(trial), self._wanted.scale.latency_s,
                               self._wanted.scale.latency_warmup_s, trial.keys, trial.bytes)
            case "recovery":
                return recovery(lab, engine, job, trial.keys, trial.bytes)
            case "scale-out":
                return scale_out(lab, engine, job, trial.keys, trial.bytes)
            case _:
                return footprint(lab, engine, job, trial.bytes)

    def _bare(self, trial: Trial) -> dict[str, float]:
        topic = self._lab.input(trial.records, trial.keys, trial.bytes).topic
        found = self._lab.tool.run("bare", brokers=self._lab.kafka, input=topic)
        return {f"{shape}_{name}": value for shape, figures in found.items()
                if isinstance(figures, dict) for name, value in figures.items()}

    def _rate(self, trial: Trial) -> int:
        """A part of what the slowest of the engines drains, as this run has measured it with the
        larger number of records."""
        rates: dict[str, list[float]] = {}
        for result in self.results:
            same = (result.trial.cell, result.trial.keys, result.trial.bytes) == (
                trial.cell, trial.keys, trial.bytes)
            large = result.trial.records == plan.records_of(self._wanted, trial.keys, trial.bytes)
            if same and large and result.trial.engine in self._engines:
                rates.setdefault(result.trial.engine, []).append(_rate_of(result))
        if not rates:
            raise BenchError("no engine has drained this input, so there is no rate to send at")
        return max(1, int(trial.load * min(map(statistics.median, rates.values()))))

    def _job(self, trial: Trial) -> Job:
        name = self._lab.fresh_name()
        folder = self._lab.folder / name
        folder.mkdir()
        settings: dict[str, int] = {}
        if trial.measure == "latency":
            settings = {"commit_ms": LATENCY_COMMIT_MS}
        elif trial.measure in ("recovery", "scale-out"):
            settings = {"commit_ms": RECOVERY_COMMIT_MS, "session_ms": SESSION_MS,
                        "heartbeat_ms": HEARTBEAT_MS}
        cell = "pass-through" if trial.cell == "pass-through" else "aggregate"
        return Job(name=name, cell=cell, input=f"{name}.in", output=f"{name}.out",
                   kafka=self._lab.kafka, redis=self._lab.redis, folder=folder, keys=trial.keys,
                   processors=frozenset(self._lab.engine_processors), **settings)

    @staticmethod
    def _with_input(job: Job, topic: str) -> Job:
        return dataclasses.replace(job, input=topic)


def _rate_of(drained: Result) -> float:
    """A drain that was over before it was looked at tells only how long it took in all."""
    return drained.figures.get("records_per_s",
                               drained.trial.records / drained.figures["total_s"])


SHOWN = ("records_per_s", "cpu_s_per_million", "peak_mb", "latency_ms_p50", "latency_ms_p99",
         "kept_first_output_s", "lost_first_output_s", "first_record_s", "settled_s", "start_s",
         "idle_mb", "batches_records_per_s", "poll_records_per_s")


def _line(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {figures[name]:,.4g}" if figures[name] < 1000
                     else f"{name} {figures[name]:,.0f}" for name in SHOWN if name in figures)
