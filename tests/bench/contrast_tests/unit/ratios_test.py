# SPDX-License-Identifier: Apache-2.0
import unittest

from contrast import ratios


class RatiosTest(unittest.TestCase):
    def test_ratios_pair_what_ran_in_the_same_block(self):
        ours, theirs = {1: 10.0, 2: 30.0, 3: 99.0}, {1: 5.0, 2: 10.0}
        self.assertEqual(ratios.block_ratios(ours, theirs), [2.0, 3.0])

    def test_a_machine_that_slows_down_leaves_the_ratios_as_they_are(self):
        ours = {block: 400.0 / block for block in range(1, 6)}
        theirs = {block: 100.0 / block for block in range(1, 6)}
        found = ratios.bootstrap(ratios.block_ratios(ours, theirs))
        self.assertEqual((found.median, found.low, found.high), (4.0, 4.0, 4.0))

    def test_the_interval_holds_the_median_and_lies_within_the_values(self):
        values = [1.0, 2.0, 3.0, 4.0, 100.0]
        found = ratios.bootstrap(values)
        self.assertEqual(found.median, 3.0)
        self.assertLess(found.low, 3.0)
        self.assertGreater(found.high, 3.0)
        self.assertGreaterEqual(found.low, min(values))
        self.assertLessEqual(found.high, max(values))

    def test_a_slope_leaves_out_what_every_run_costs(self):
        start_up, each = 7.0, 0.5
        cost = {amount: start_up + each * amount for amount in (10, 40)}
        self.assertAlmostEqual(ratios.slope((10, cost[10]), (40, cost[40])), each)
