# SPDX-License-Identifier: Apache-2.0
import unittest

from instructions import verdict


class Verdict(unittest.TestCase):
    def test_within_the_tolerance_passes(self) -> None:
        for figure in (971, 1000, 1029):
            self.assertTrue(verdict("mode", figure, 1000)[0], figure)

    def test_beyond_it_fails_in_both_directions(self) -> None:
        for figure, word in ((969, "keep the gain"), (1031, "find out why")):
            good, line = verdict("mode", figure, 1000)
            self.assertFalse(good, figure)
            self.assertIn(word, line)

    def test_an_unknown_combination_prints_its_figure_and_passes(self) -> None:
        good, line = verdict("mode", 1234, None)
        self.assertTrue(good)
        self.assertIn("1234", line)


if __name__ == "__main__":
    unittest.main()
