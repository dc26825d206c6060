# SPDX-License-Identifier: Apache-2.0
import contextlib
import io
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

from contrast import plan
from contrast.engines import Millrace
from contrast.errors import BenchError
from contrast.kafka_streams import KafkaStreams
from contrast.records_file import RecordsFile
from contrast.runner import Runner

BUILD = Path("build")
OURS, PEER = Millrace(BUILD, "exactly_once"), KafkaStreams(BUILD)
SCALE = plan.Scale(blocks=1, records={100: 4_000}, small_part=4, many_keys_records=4_000,
                   latency_s=1, latency_warmup_s=1, loads=(0.5,), recovery_keys=(), scale_out_keys=1,
                   recovery_blocks=1)


class RunnerTest(unittest.TestCase):
    """The order and the figures of a run; the measures themselves are replaced."""

    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        names = iter(range(100))
        tool = types.SimpleNamespace(run=lambda *_, **__: {"batches": {"records_per_s": 9.0}})
        self.lab = types.SimpleNamespace(
            input=lambda records, *_: types.SimpleNamespace(topic="in", records=records),
            folder=folder, kafka="", redis="", engine_processors=set(), fresh_name=lambda: f"t{next(names)}", tool=tool)
        self.rates: list[int] = []
        self.file = RecordsFile(folder / "trials.csv")
        self.addCleanup(self.file.close)

    def run_with(self, drain) -> Runner:
        def latency(lab, engine, job, rate, *_):
            self.rates.append(rate)
            return {"latency_ms_p50": 1.0}

        wanted = plan.Wanted(cells=["aggregate"], engines=[OURS, PEER], keys=[100], bytes=[100],
                             scale=SCALE, records=None, seed=1)
        runner = Runner(self.lab, wanted, self.file)
        with (mock.patch("contrast.runner.drain", drain),
              mock.patch("contrast.runner.latency", latency),
              contextlib.redirect_stdout(io.StringIO())):
            runner.run()
        return runner

    def test_the_load_is_a_part_of_the_slowest_engines_larger_drain(self):
        # The small drain is slow because it is mostly start-up: it must not lower the load.
        def drain(lab, engine, job, input):
            return {"total_s": 4.0 if input.records == 4_000 else 100.0}

        self.run_with(drain)
        self.assertEqual(set(self.rates), {500})

    def test_a_trial_that_fails_leaves_the_others_their_figures_and_is_named(self):
        def drain(lab, engine, job, input):
            if engine is PEER:
                raise BenchError("it wrote a wrong sum")
            return {"records_per_s": 1_000.0, "total_s": 1.0}

        runner = self.run_with(drain)
        self.assertEqual({failure.trial.engine for failure in runner.failures}, {PEER.name})
        self.assertEqual({failure.reason for failure in runner.failures}, {"it wrote a wrong sum"})
        drained = [r for r in runner.results if r.trial.measure == "drain"]
        self.assertEqual(len(drained), 2)
        self.assertEqual(set(self.rates), {500})  # Of those that drain.

    def test_without_any_drain_there_is_no_load_to_send(self):
        def drain(*_):
            raise BenchError("gone")

        runner = self.run_with(drain)
        self.assertFalse(self.rates)
        self.assertIn("no rate", runner.failures[-1].reason)


if __name__ == "__main__":
    unittest.main()
