# SPDX-License-Identifier: Apache-2.0
"""Recovery and scale-out: an engine with state under an even load is killed and started again at
once, as a container manager would, or gets a second instance."""
import contextlib
import random
import time

from .drain import Watch
from .engines import Engine, Job
from .errors import BenchError
from .follow import Follower, wait_for
from .instance import Instance
from .lab import SEED, Lab

RATE = 10_000           # Records a second; a small part of what every engine can do.
SETTLE_S = 4.0          # Even load before anything happens.
STEADY_S = 3.0          # Of it, what counts as the usual delay.
RECOVERY_S = 300.0      # Longer than the slowest restore that was seen.
SCALE_OUT_S = 150.0     # Kafka Streams looks for a better assignment every 60 s at best.
AFTER_SETTLED_S = 5.0   # Without another late output.


class Loaded:
    """An engine that has state for `keys` keys and is fed evenly."""

    def __init__(self, lab: Lab, engine: Engine, job: Job, keys: int, size: int) -> None:
        self.lab, self.engine, self.job, self.keys, self._size = lab, engine, job, keys, size
        self._end = contextlib.ExitStack()
        try:
            self._begin()
        except BaseException:
            self._end.close()
            raise

    def _begin(self) -> None:
        lab, job = self.lab, self.job
        lab.fresh_topic(job.output)
        if self.engine.uses_store:
            lab.fresh_store()
        lab.tool.run("fill", brokers=lab.kafka, topic=job.input, partitions=4, seed=SEED,
                     records=self.keys, keys=self.keys, bytes=self._size, sequential=True)
        self.running = self.start()
        Watch(lab, self.engine, job, self.running).until_drained(self.keys)
        self.follower = Follower(lab, job.output)
        self._end.callback(self.follower.close)
        self._feed = lab.tool.start("feed", brokers=lab.kafka, input=job.input, rate=RATE,
                                    keys=self.keys, bytes=self._size, seed=SEED,
                                    first_tag=self.keys, intended_times=True)
        self._end.callback(self._feed.end)
        time.sleep(SETTLE_S)

    def start(self, instance: str = "a") -> Instance:
        running = self.engine.start(self.job, instance)
        self._end.callback(running.end)
        return running

    def finish(self, instances: list[Instance]) -> dict[str, float]:
        """Ends the load, lets everything through, and looks whether it is all there."""
        sent = self._feed.stop()["sent"]
        Watch(self.lab, self.engine, self.job, self.running).until_drained(self.keys + sent)
        for running in instances:
            running.stop()
        found = self.lab.tool.run("check", brokers=self.lab.kafka, topic=self.job.output,
                                  cell=self.job.cell)
        self._require_right(found, self.keys + sent)
        return {"outputs_repeated": found["repeated"]}

    def _require_right(self, found: dict, inputs: int) -> None:
        """No input lost or counted twice in state, through kills and all; no output repeated
        where the engine says so."""
        expected = self.lab.tool.run("expect", records=inputs, keys=self.keys, bytes=self._size,
                                     seed=SEED, sequential_until=self.keys)["aggregate"]
        if found["final_digest"] != expected["final_digest"]:
            raise BenchError(f"{self.job.output} ends with other totals than {inputs} inputs make")
        if self.engine.exactly_once and found["records"] != inputs:
            raise BenchError(f"{self.job.output} has {found['records']} outputs of {inputs} inputs")

    def close(self) -> None:
        self._end.close()
        self.lab.delete_topic(self.job.input)
        self.lab.delete_topic(self.job.output)


def recovery(lab: Lab, engine: Engine, job: Job, keys: int, size: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    chance = random.Random(f"{job.name} {keys}")
    loaded = Loaded(lab, engine, job, keys, size)
    try:
        for disk in ("kept", "lost"):
            time.sleep(chance.random())  # The kill hits any moment between two commits.
            figures |= {f"{disk}_{name}": value
                        for name, value in _kill(loaded, disk == "lost").items()}
            time.sleep(SETTLE_S)
        figures |= loaded.finish([loaded.running])
    finally:
        loaded.close()
    figures["detection_s"] = engine.detection_s(job)
    return figures


def _kill(loaded: Loaded, lose_disk: bool) -> dict[str, float]:
    follower, job = loaded.follower, loaded.job
    usual = follower.delay_before(time.monotonic(), STEADY_S)
    loaded.running.kill()
    killed = time.monotonic()
    if lose_disk:
        loaded.engine.lose_disk(job)
    loaded.running = loaded.start()
    first = wait_for(lambda: follower.first_of_after(killed), RECOVERY_S,
                     loaded.running)
    if first is None:
        raise BenchError(f"no output within {RECOVERY_S:.0f} s after a kill; the engine's log "
                         f"ends:\n{loaded.running.log_tail()}")
    caught_up = wait_for(lambda: follower.caught_up_after(killed, usual), RECOVERY_S,
                         loaded.running)
    figures = {"first_output_s": first - killed}
    if caught_up is not None:
        figures["caught_up_s"] = caught_up - killed
    return figures


def scale_out(lab: Lab, engine: Engine, job: Job, keys: int, size: int) -> dict[str, float]:
    loaded = Loaded(lab, engine, job, keys, size)
    try:
        usual = loaded.follower.delay_before(time.monotonic(), STEADY_S)
        began = time.monotonic()
        second = loaded.start("b")
        figures = _first_record(engine, second, began)
        taken_over = began + figures.get("first_record_s", 0.0)
        figures["settled_s"] = _settled(loaded.follower, began, taken_over, usual) - began
        figures["longest_delay_s"] = loaded.follower.longest_delay(began, time.monotonic())
        figures["usual_delay_s"] = usual
        figures |= loaded.finish([loaded.running, second])
    finally:
        loaded.close()
    return figures


def _settled(follower: Follower, began: float, taken_over: float, usual_s: float) -> float:
    """When the second instance had its part and no output was late any more, for a while."""
    while True:
        settled = max(taken_over, follower.last_late(began, usual_s) or 0.0)
        if time.monotonic() - settled > AFTER_SETTLED_S:
            return settled
        time.sleep(0.1)


def _first_record(engine: Engine, second: Instance, began: float) -> dict[str, float]:
    """Nothing, when it has none in time: then the figure is absent, not large."""
    try:
        return {"first_record_s": engine.first_record_at(second, SCALE_OUT_S) - began}
    except BenchError:
        second.require_alive()
        return {}
