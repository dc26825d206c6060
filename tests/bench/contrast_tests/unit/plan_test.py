# SPDX-License-Identifier: Apache-2.0
import dataclasses
import unittest
from collections import Counter
from pathlib import Path

from contrast import plan
from contrast.bare_loop import BareLoop
from contrast.engines import Millrace
from contrast.flink import Flink
from contrast.kafka_streams import KafkaStreams

BUILD = Path("build")
ENGINES = [Millrace(BUILD, "exactly_once"), Millrace(BUILD, "at_least_once"),
           BareLoop(BUILD, "exactly_once"), KafkaStreams(BUILD), Flink(BUILD, "heap"),
           Flink(BUILD, "rocksdb")]


def wanted(**changes) -> plan.Wanted:
    standard = plan.Wanted(cells=["aggregate"], engines=ENGINES, keys=[100_000], bytes=[100],
                           scale=plan.STANDARD, records=None, seed=1)
    return dataclasses.replace(standard, **changes)


class PlanTest(unittest.TestCase):
    def test_every_block_has_every_engine_in_both_sizes_once(self):
        [trials] = plan.drains(wanted(), "aggregate")
        counts = Counter((t.block, t.engine, t.records) for t in trials if t.measure == "drain")
        engines = {engine.name for engine in ENGINES if "aggregate" in engine.cells}
        self.assertEqual(set(counts), {(block, engine, records) for block in (1, 2, 3)
                                       for engine in engines for records in (1_250_000, 5_000_000)})
        self.assertEqual(set(counts.values()), {1})

    def test_every_block_has_the_bare_consumer_that_peers_are_judged_by(self):
        [trials] = plan.drains(wanted(), "aggregate")
        self.assertEqual([t.block for t in trials if t.measure == "bare"], [1, 2, 3])

    def test_blocks_come_in_turn_and_engines_in_another_order_each_time(self):
        [trials] = plan.drains(wanted(), "aggregate")
        self.assertEqual([t.block for t in trials], sorted(t.block for t in trials))
        orders = {tuple(t.engine for t in trials if t.block == block) for block in (1, 2, 3)}
        self.assertGreater(len(orders), 1)

    def test_the_same_seed_gives_the_same_order(self):
        self.assertEqual(plan.drains(wanted(), "aggregate"), plan.drains(wanted(), "aggregate"))
        self.assertNotEqual(plan.drains(wanted(), "aggregate"),
                            plan.drains(wanted(seed=2), "aggregate"))

    def test_many_keys_take_more_records(self):
        groups = plan.drains(wanted(keys=[100_000, 3_000_000]), "aggregate")
        self.assertEqual([max(t.records for t in trials) for trials in groups],
                         [5_000_000, 8_000_000])

    def test_the_bare_loop_runs_in_pass_through_alone_and_never_under_latency(self):
        [aggregate] = plan.drains(wanted(), "aggregate")
        [pass_through] = plan.drains(wanted(), "pass-through")
        self.assertNotIn("bare loop exactly once", {t.engine for t in aggregate})
        self.assertIn("bare loop exactly once", {t.engine for t in pass_through})
        latencies = plan.latencies(wanted(), "pass-through", 100_000, 100)
        self.assertNotIn("bare loop exactly once", {t.engine for t in latencies})

    def test_state_of_every_size_is_recovered_by_every_engine(self):
        trials = plan.others(wanted(), "recovery")
        self.assertEqual({t.keys for t in trials}, {1_000, 300_000, 3_000_000})
        self.assertEqual({t.engine for t in trials},
                         {e.name for e in ENGINES if "recovery" in e.cells})
