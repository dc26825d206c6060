# SPDX-License-Identifier: Apache-2.0
"""The benchmark itself, at a size that measures nothing: every engine starts, gives right outputs,
survives a kill, and ends in the report."""
import csv
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = os.environ["MILLRACE_BUILD_DIR"]
ROOT = Path(__file__).resolve().parents[3]
RUN_S = 800
ENGINES = {"millrace exactly once", "millrace at least once", "kafka-streams", "flink-heap",
           "flink-rocksdb"}


def bench(out: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-B", "-m", "contrast", "--build", BUILD, "--out",
                           str(out), *words], capture_output=True, text=True, timeout=RUN_S)


def figures(out: Path) -> dict[tuple[str, str, str], float]:
    """(measure, engine, figure) -> value."""
    with (out / "trials.csv").open(newline="") as file:
        return {(row["measure"], row["engine"], row["figure"]): float(row["value"])
                for row in csv.DictReader(file)}


class BenchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)

    def test_every_engine_aggregates_the_same_bytes_to_the_same_results(self):
        done = bench(self.out, "--quick", "--cell", "aggregate", "--records", "20000",
                     "--keys", "1000", "--no-latency")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = figures(self.out)
        for engine in ENGINES:
            self.assertGreater(found[("drain", engine, "total_s")], 0)
            self.assertGreater(found[("drain", engine, "peak_mb")], 10)
        report = (self.out / "report.html").read_text()
        for engine in ENGINES:
            self.assertIn(engine, report)

    def test_latency_pass_through_and_recovery_of_millrace(self):
        done = bench(self.out, "--quick", "--cell", "pass-through,recovery,footprint", "--engines",
                     "millrace", "--records", "300000")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = figures(self.out)
        for engine in ("millrace exactly once", "millrace at least once"):
            self.assertGreater(found[("latency", engine, "latency_ms_p50")], 0)
            self.assertGreater(found[("recovery", engine, "lost_first_output_s")], 0)
            self.assertLess(found[("footprint", engine, "idle_mb")], 100)
        self.assertEqual(found[("recovery", "millrace exactly once", "outputs_repeated")], 0)

    def test_the_script_tells_every_option_without_building_anything(self):
        done = subprocess.run([str(ROOT / "script/bench"), "--help"], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        for option in ("--quick", "--full", "--cell", "--engines", "--keys", "--bytes", "--records",
                       "--keep", "--out", "--report"):
            self.assertIn(option, done.stdout)

    def test_wrong_words_are_refused_before_anything_starts(self):
        for words in (["--cell", "nothing"], ["--bytes", "7"], ["--keys", "none"],
                      ["--engines", "samza"], ["--records", "10"], ["--quick", "--full"],
                      ["--pin-engine", "99"]):
            done = bench(self.out, *words)
            self.assertEqual(done.returncode, 2, (words, done.stdout))
            self.assertIn(words[-1] if words[0] != "--quick" else "--quick", done.stderr)
