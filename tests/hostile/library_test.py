# SPDX-License-Identifier: Apache-2.0
"""Files that are no good libraries, and handlers that break the rules without ending the process."""
import hashlib
import random
import struct
import time

from directory_support import hostile, kafka_function, marked, move_into, wait_until
from neighbour import NeighbourTest

E_MACHINE, EM_AARCH64 = 18, 183  # Of the ELF header.
FLIPS, SEED = 40, 1
STORM_S, STORM_EVERY_S = 5.0, 0.01


class Files(NeighbourTest):
    def test_files_that_cannot_be_loaded(self) -> None:
        good = marked("two").read_bytes()
        other = bytearray(good)
        struct.pack_into("<H", other, E_MACHINE, EM_AARCH64)
        defects = {"missing entry": (hostile("no_symbol").read_bytes(), "does not export"),
                   "major too new": (hostile("wrong_major").read_bytes(), "2.0, this host has ABI"),
                   "truncated": (good[:len(good) // 2], "was it copied completely?"),
                   "wrong architecture": (bytes(other), "built for ELF machine 183"),
                   "constructor exits": (hostile("constructor_exits").read_bytes(),
                                         "its probe exited with code 0"),
                   "constructor hangs": (hostile("constructor_hangs").read_bytes(),
                                         "did not come to an end within 5000 ms")}
        self.host.put_yaml({"victim": kafka_function(f"{self.name}.in")}, "victim")
        for defect, (content, reason) in defects.items():
            with self.subTest(defect):
                self.put(content)
                self.wait_reason("victim", reason)
                self.assertEqual(self.host.state("victim"), "refused")
        self.check_neighbour()

    def put(self, content: bytes) -> None:
        staged = self.host.functions_dir / ".victim.new"
        staged.write_bytes(content)
        staged.rename(self.host.functions_dir / "victim.so")

    def test_files_with_a_flipped_bit(self) -> None:
        """Whatever a flipped bit makes of a library: refused with a reason, or run."""
        victim = self.run_victim(marked("one"))
        good, pick = marked("two").read_bytes(), random.Random(SEED)
        outcomes = {"refused": 0, "running": 0}
        self.put(good)
        self.outcome(victim, good)
        for _ in range(FLIPS):
            bit = pick.randrange(0x40 * 8)  # In the header, where it cannot become another program.
            flipped = bytearray(good)
            flipped[bit // 8] ^= 1 << bit % 8
            self.put(bytes(flipped))
            outcomes[self.outcome(victim, bytes(flipped))] += 1
            self.put(good)
            wait_until(lambda: not self.host.problems(), "a good one mends it")
        print(f"\n  {FLIPS} flipped bits: {outcomes}", flush=True)
        self.assertGreater(outcomes["refused"], 0)
        self.check_neighbour()

    def outcome(self, function: str, library: bytes) -> str:
        """What became of the file that was put last: "refused" or "running"."""
        digest = hashlib.sha256(library).hexdigest()[:12]

        def judged() -> str | None:
            if self.host.problems():
                return "refused"
            running = [g["hash"] for g in self.host.function(function)["generations"]
                       if g["state"] == "running"]
            return "running" if running == [digest] else None

        return wait_until(judged, f"{digest} is judged")

    def test_a_storm_of_replacements(self) -> None:
        victim = self.run_victim(marked("one"))
        builds, replaced = [marked("two"), marked("three")], 0
        until = time.monotonic() + STORM_S
        while time.monotonic() < until:
            replaced += 1
            move_into(builds[replaced % 2], self.host.functions_dir / "victim.so")
            time.sleep(STORM_EVERY_S)
        print(f"\n  {replaced / STORM_S:.0f} replacements a second", flush=True)
        self.assertGreater(replaced / STORM_S, 50)
        move_into(marked("one"), self.host.functions_dir / "victim.so")
        last = hashlib.sha256(marked("one").read_bytes()).hexdigest()[:12]
        wait_until(lambda: [g["hash"] for g in self.host.function(victim)["generations"]
                            if g["state"] == "running"] == [last], "the last one runs")
        self.send(f"{victim}.in", "a")
        self.wait_values(f"{victim}.out", ["1:1"])
        self.assertEqual(self.kafka.describe_group(f"millrace.default.{victim}")["state"], "Stable")
        self.check_neighbour()


class Handlers(NeighbourTest):
    def test_exceptions_over_the_line(self) -> None:
        victim = self.run_victim(hostile("throws_over_the_line"))
        self.send(f"{victim}.in", "a", "int", "std", "b")
        self.wait_values(f"{victim}.out", ["a", "int", "std", "b"])
        self.assertIn("threw something that is not a std::exception", self.host.log())
        self.assertIn("threw boom", self.host.log())
        self.assertEqual(self.host.function(victim)["counters"]["invocations"]["retry"], 4)
        self.check_neighbour()

    def test_garbage_for_an_outcome(self) -> None:
        victim = self.run_victim(hostile("outcomes"))
        self.send(f"{victim}.in", "unknown")
        self.wait_reason(victim, "unknown outcome 99")
        self.assertEqual(self.host.state(victim), "stopped")
        self.assertEqual(self.values(f"{victim}.out"), [])
        self.check_neighbour()

    def test_an_output_that_is_not_declared(self) -> None:
        victim = self.run_victim(hostile("emits"))
        self.send(f"{victim}.in", "a", "undeclared", "never reached")
        self.wait_reason(victim, "a state or output was used that the library does not declare")
        self.assertEqual(self.host.state(victim), "stopped")
        self.assertEqual(self.values(f"{victim}.out"), ["a"])
        self.check_neighbour()

    def test_an_output_of_10_mb(self) -> None:
        victim = self.run_victim(hostile("emits"))
        self.send(f"{victim}.in", "a", "large", "never reached")
        self.wait_reason(victim, "too_large: a key, value or record is over its limit")
        self.assertEqual(self.host.state(victim), "stopped")
        self.assertEqual(self.values(f"{victim}.out"), ["a"])
        self.check_neighbour()

    def test_a_handler_that_takes_too_long(self) -> None:
        victim = self.run_victim(hostile("slow"), isolation="inline",
                                 limits={"timeout": "500ms"})
        self.send(f"{victim}.in", "0", "4000", "1")
        reason = (f"the handler has worked on {victim}.in/0@1 for longer than limits.timeout "
                  "(500 ms)")
        wait_until(lambda: reason in self.host.problems(), "it is told")
        wait_until(lambda: reason in self.host.log(), "the log has it")
        late = f'millrace_handlers_late{{function="{victim}"}} '
        self.assertIn(late + "1\n", self.host.ask("GET", "/metrics")[1])
        self.wait_values(f"{victim}.out", ["0", "4000", "1"])
        self.host.wait_ready()
        self.assertIn(late + "0\n", self.host.ask("GET", "/metrics")[1])
        self.check_neighbour()

    def test_a_context_that_is_kept(self) -> None:
        victim = self.run_victim(hostile("keeps_context"))
        events = [str(n) for n in range(50)]
        self.send(f"{victim}.in", *events)  # Together, so that a call has many.
        self.wait_values(f"{victim}.out", events)
        self.assertNotIn("too late", self.host.log())
        self.check_neighbour()

    def test_a_library_that_pins_itself(self) -> None:
        victim = self.run_victim(hostile("pins_itself_1"))
        self.send(f"{victim}.in", "a", "b")
        self.wait_values(f"{victim}.out", ["1:1", "1:2"])
        self.host.put_library(hostile("pins_itself_2"), "victim")
        wait_until(lambda: self.host.generation(victim) == 2, "the next one runs")
        self.send(f"{victim}.in", "c")
        self.wait_values(f"{victim}.out", ["1:1", "1:2", "2:1"])
        self.host.put_library(hostile("pins_itself_1"), "victim")
        wait_until(lambda: self.host.generation(victim) == 3, "the first one runs again")
        self.send(f"{victim}.in", "d")
        wait_until(lambda: self.values(f"{victim}.out")[-1].startswith("1:"), "it works")
        self.check_neighbour()
        self.assertEqual(self.host.terminate(), 0, "destructors of thread-locals find their code")
