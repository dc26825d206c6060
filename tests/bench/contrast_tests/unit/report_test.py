# SPDX-License-Identifier: Apache-2.0
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

from contrast import plots, report, summary
from contrast.bare_loop import BareLoop
from contrast.engines import Millrace
from contrast.kafka_streams import KafkaStreams
from contrast.records_file import RecordsFile, load
from contrast.trial import Result, Trial

OURS, PEER = "millrace exactly once", "kafka-streams"
BUILD = Path("build")
ENGINES = [Millrace(BUILD, "exactly_once"), BareLoop(BUILD, "exactly_once"), KafkaStreams(BUILD)]
FACTS = report.Facts("script/bench --quick", {"processors": "2"}, {"Kafka": "<4>"})


def drained(engine: str, block: int, records: int, rate: float, start_s: float) -> Result:
    seconds = start_s + records / rate
    return Result(Trial(block, "aggregate", "drain", engine, 100_000, 100, records),
                  {"records_per_s": rate, "total_s": seconds, "total_cpu_s": 2 * seconds,
                   "cpu_s_per_million": 1500 / rate, "peak_mb": 100.0}, 0.1, 0.0, f"t{block}")


def bare(block: int, rate: float) -> Result:
    return Result(Trial(block, "aggregate", "bare", "bare consumer", 100_000, 100, 4000),
                  {"batches_records_per_s": rate}, 0.1, 0.0, f"b{block}")


def run_of_two_blocks(peer_rate: float = 100.0) -> list[Result]:
    results = []
    for block, speed in ((1, 1.0), (2, 0.5)):
        for records in (1000, 4000):
            results.append(drained(OURS, block, records, 600.0 * speed, 1.0))
            results.append(drained(PEER, block, records, peer_rate * speed, 5.0))
        results.append(bare(block, 2200.0 * speed))
    return results


class SummaryTest(unittest.TestCase):
    def large(self, results: list[Result]) -> summary.Group:
        return next(g for g in summary.groups(results) if g.trial.records == 4000 and
                    g.trial.measure == "drain")

    def test_a_ratio_above_one_is_good_for_us_whatever_the_figure(self):
        group = self.large(run_of_two_blocks())
        self.assertAlmostEqual(group.ratio(OURS, PEER, "records_per_s").median, 6.0)
        self.assertAlmostEqual(group.ratio(OURS, PEER, "cpu_s_per_million").median, 6.0)
        self.assertAlmostEqual(group.ratio(OURS, PEER, "peak_mb").median, 1.0)

    def test_two_sizes_separate_start_up_from_the_rate(self):
        group = self.large(run_of_two_blocks())
        self.assertAlmostEqual(group.values(PEER, "slope_records_per_s")[1], 100.0)
        self.assertAlmostEqual(group.values(OURS, "slope_records_per_s")[2], 300.0)

    def test_a_peer_far_below_the_bare_consumer_is_called_out(self):
        [fair] = summary.plausibilities([self.large(run_of_two_blocks()),
                                         *summary.groups([bare(1, 2200.0), bare(2, 1100.0)])])
        self.assertTrue(fair.is_plausible)
        [unfair] = summary.plausibilities(summary.groups(run_of_two_blocks(peer_rate=40.0))[1:])
        self.assertFalse(unfair.is_plausible)


class ReportTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)

    def written(self, results: list[Result]) -> str:
        report.write(self.path / "report.html", results, ENGINES, FACTS)
        return (self.path / "report.html").read_text()

    def test_the_report_is_well_formed_and_needs_nothing_else(self):
        text = self.written(run_of_two_blocks())
        body = text[text.index("<body>"):text.index("</html>")]
        xml.etree.ElementTree.fromstring(body)
        for outside in ("http:", "https:", "src=", "<script", "<link"):
            self.assertNotIn(outside, text)

    def test_it_names_every_setting_and_escapes_what_it_is_given(self):
        text = self.written(run_of_two_blocks())
        for words in ("append-only file, everysec", "exactly_once_v2", "&lt;4&gt;"):
            self.assertIn(words, text)

    def test_a_misconfigured_peer_is_marked(self):
        self.assertNotIn("NO: explain", self.written(run_of_two_blocks()))
        self.assertIn("NO: explain", self.written(run_of_two_blocks(peer_rate=40.0)))

    def test_a_losing_cell_stays_in(self):
        text = self.written(run_of_two_blocks(peer_rate=1200.0))
        self.assertIn("0.500 ×", text)

    def test_the_csv_gives_the_same_report_again(self):
        results = run_of_two_blocks()
        file = RecordsFile(self.path / "trials.csv")
        for result in results:
            file.add(result)
        file.close()
        again = load(self.path / "trials.csv")
        self.assertEqual([r.trial for r in again], [r.trial for r in results])
        self.assertEqual(self.written(again), self.written(results))


class PlotsTest(unittest.TestCase):
    def test_numbers_keep_three_digits(self):
        for value, text in ((0, "0"), (0.01234, "0.0123"), (1.5, "1.50"), (123.4, "123"),
                            (98765.4, "98,800"), (999.9, "1,000")):
            self.assertEqual(plots.number(value), text)

    def test_labels_of_lines_that_end_together_do_not_cover_each_other(self):
        rows = [(f"engine {i}", [1.0, 1.0]) for i in range(5)]
        tree = xml.etree.ElementTree.fromstring(plots.percentiles("latency", ["a", "b"], rows))
        heights = sorted(float(e.get("y")) for e in tree.iter("text")
                         if (e.text or "").startswith("engine"))
        self.assertTrue(all(b - a >= 13 for a, b in zip(heights, heights[1:], strict=False)))
