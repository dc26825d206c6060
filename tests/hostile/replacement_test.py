# SPDX-License-Identifier: Apache-2.0
"""Libraries that come after one at work and do not get beyond their open(), under load."""
from pathlib import Path

from directory_support import hostile, marked, wait_until
from load import PARTITIONS, check_counted_once, load_on, mark_of
from neighbour import NeighbourTest

ABRT = "ended by signal 6 (Aborted)"


class Replacements(NeighbourTest):
    """What ran before goes on. A library with the same states is opened beside the lanes at work,
    others once these have drained."""

    def gives_way(self, library: Path, *reasons: str, **keys: object) -> None:
        victim = self.run_victim(marked("one"), PARTITIONS, lanes=2, delivery="exactly_once",
                                 **keys)
        load = load_on(self, victim)
        generation = self.generation_of_group(victim)
        self.host.put_library(library, "victim")
        for reason in reasons:
            self.wait_reason(victim, reason)
        done = sum(self.applied(victim, f"{victim}.in"))
        wait_until(lambda: sum(self.applied(victim, f"{victim}.in")) > done + 50, "it goes on")
        load.stop()
        check_counted_once(self, victim, f"{victim}.in", f"{victim}.out", load.sent,
                           self.read_committed)
        self.assertEqual({mark_of(r) for r in self.read_committed(f"{victim}.out")}, {1})
        self.assertEqual(self.host.history(victim), [(1, "running"), (2, "refused")])
        self.assertEqual(self.times_told(victim, *reasons, "the former library stays"), 1)
        self.host.wait_state(victim, "running")
        self.assertEqual(self.generation_of_group(victim), generation)
        self.check_neighbour()

    def hangs(self, library: Path) -> None:
        self.gives_way(library, f"its process {ABRT}", "its library has been opened or closed for "
                       "longer than limits.timeout (2000 ms)", limits={"timeout": "2s"})

    def aborts(self, library: Path) -> None:
        self.gives_way(library, f"its process {ABRT} while its library was opened")

    def test_an_abort_in_open(self) -> None:
        self.aborts(marked("aborts_in_open"))

    def test_an_abort_in_open_with_other_states(self) -> None:
        self.aborts(hostile("aborts_in_open"))

    def test_an_open_that_hangs(self) -> None:
        self.hangs(marked("hangs_in_open"))

    def test_an_open_that_hangs_with_other_states(self) -> None:
        self.hangs(hostile("hangs_in_open"))
