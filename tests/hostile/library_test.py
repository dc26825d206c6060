# SPDX-License-Identifier: Apache-2.0
"""Files that are no good libraries, and handlers that break the rules without ending the process."""
import collections
import hashlib
import random
import re
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path

from directory_support import hostile, kafka_function, marked, wait_until
from kafka_client import Record
from load import PARTITIONS, check_counted_once, load_on, mark_of
from neighbour import NeighbourTest

E_MACHINE, EM_AARCH64 = 18, 183  # Of the ELF header.
SEED = 1
FLIPS_IN_HEADER, FLIPS_IN_CODE, FLIPS_ANYWHERE = 12, 24, 24
HEADER_BYTES = 0x40
TOGETHER, JUDGED_S, TRIES = 6, 60.0, 4
PT_LOAD = 1
SAME, SAME_BYTES = 6, 4 << 20
STORM_FILES, STORM_EVERY_S, STORM_REACHED_MIN = 500, 0.01, 0.95
LAST_MARK = 8  # Of the build "three".


def digest_of(library: bytes) -> str:
    return hashlib.sha256(library).hexdigest()[:12]


def runs(told: dict, digest: str) -> bool:
    """That generation of the function and no other one."""
    return [g["hash"] for g in told.get("generations", []) if g["state"] == "running"] == [digest]


def flips(good: bytes, pick: random.Random) -> list[bytes]:
    """The file with one bit of it changed: of its header, of what is loaded and not padding, and
    of all of it; in any order. The last two are spread evenly."""
    loaded = [at for at in range(loaded_end(good)) if good[at]]
    places = [pick.randrange(HEADER_BYTES) for _ in range(FLIPS_IN_HEADER)]
    places += (loaded[at] for at in spread(len(loaded), FLIPS_IN_CODE, pick))
    places += spread(len(good), FLIPS_ANYWHERE, pick)
    pick.shuffle(places)
    return [good[:at] + bytes([good[at] ^ 1 << pick.randrange(8)]) + good[at + 1:]
            for at in places]


def spread(size: int, count: int, pick: random.Random) -> list[int]:
    """One place in each of `count` parts of that size."""
    return [pick.randrange(size * n // count, size * (n + 1) // count) for n in range(count)]


def loaded_end(good: bytes) -> int:
    """Where in an ELF file of 64 bits the last part ends that is mapped."""
    table, = struct.unpack_from("<Q", good, 0x20)
    size, count = struct.unpack_from("<HH", good, 0x36)
    headers = [struct.unpack_from("<IIQQQQ", good, table + n * size) for n in range(count)]
    return max(offset + in_file for kind, _, offset, _, _, in_file in headers if kind == PT_LOAD)


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

    def put(self, content: bytes, name: str = "victim") -> None:
        staged = self.host.functions_dir / f".{name}.new"
        staged.write_bytes(content)
        staged.rename(self.host.functions_dir / f"{name}.so")

    def test_files_with_a_flipped_bit(self) -> None:
        """Whatever a flipped bit makes of a library: refused or ended with a reason, or it works.

        Half of them are new functions, the others take the place of a good library.
        """
        good = marked("two").read_bytes()
        flipped = flips(good, random.Random(SEED))
        self.topics(1, f"{self.name}.flips", f"{self.name}.flipped")
        outcomes: collections.Counter = collections.Counter()
        for start in range(0, len(flipped), 2 * TOGETHER):
            new = flipped[start:start + TOGETHER]
            names = [f"flip-{start + n}" for n in range(len(new))]
            self.send(f"{self.name}.flips", *"abc")
            for name, content in zip(names, new, strict=True):
                self.put(content, name)
                self.host.put_yaml({name: kafka_function(
                    f"{self.name}.flips", f"{name}.so", outputs={"out": f"{self.name}.flipped"},
                    limits={"timeout": "1s", "memory": "256MiB"})}, name)
            outcomes.update(self.outcomes(dict(zip(names, new, strict=True))))
            self.mend(names, good)
            replacements = flipped[start + TOGETHER:start + 2 * TOGETHER]
            for name, content in zip(names, replacements, strict=True):
                self.put(content, name)
            outcomes.update(self.outcomes(dict(zip(names, replacements, strict=True))))
            self.mend(names, good)
            for name in names:
                (self.host.functions_dir / f"{name}.yaml").unlink()
            wait_until(lambda left=names: not any(map(self.host.function, left)), "all are gone")
        print(f"\n  {len(flipped)} flipped bits: {dict(outcomes)}", flush=True)
        self.assertEqual(outcomes.total(), FLIPS_IN_HEADER + FLIPS_IN_CODE + FLIPS_ANYWHERE)
        self.assertGreater(outcomes["refused"], 0)
        self.assertGreater(outcomes["worked"], 0)
        self.check_neighbour()

    def mend(self, names: list[str], good: bytes) -> None:
        """A good library works wherever a bad one was, and the host is ready for others."""
        for name in names:
            self.put(good + name.encode(), name)
        for name in names:
            self.host.wait_state(name, "running")
        self.host.wait_ready()
        for name in names:
            self.wait_all_applied(name, f"{self.name}.flips")

    def outcomes(self, libraries: dict[str, bytes]) -> list[str]:
        """What became of these, by function, once each was judged; events come meanwhile."""
        digests = {name: digest_of(library) for name, library in libraries.items()}
        before = {name: self.host.function(name).get("restarts", 0) for name in digests}
        judged: dict[str, str] = {}
        taken: set[str] = set()

        def all_judged() -> bool:
            for name, digest in digests.items():
                if name in judged:
                    continue
                told = self.host.function(name)
                if name not in taken and runs(told, digest):
                    taken.add(name)
                    self.send(f"{self.name}.flips", "x")
                if outcome := self.outcome(told, digest, before[name], name in taken):
                    judged[name] = outcome
                    self.check_told(name, outcome, told)
            return len(judged) == len(digests)

        try:
            wait_until(all_judged, "all are judged", JUDGED_S)
        except AssertionError as failure:
            if len(judged) == len(digests):
                raise
            left = [self.host.function(name) for name in digests if name not in judged]
            self.fail(f"{failure}; {left}")
        return list(judged.values())

    def outcome(self, told: dict, digest: str, restarts: int, taken: bool) -> str | None:
        """"refused", "crashed", "stopped" by what it answers, or "worked"; None: not known yet."""
        if not told:
            return None
        if told["restarts"] > restarts or any(task["aside"] for task in told["tasks"]):
            return "crashed"
        ours = [g for g in told["generations"][-1:] if g["hash"] in (digest, None)]
        if told["state"] == "refused" or ours and ours[-1]["state"] == "refused":
            return "refused"
        if told["state"] == "stopped":
            return "stopped"
        if any(retry["attempts"] >= TRIES for retry in told["retries"]):
            return "stopped"  # Fewer may be for want of a broker that has just been asked.
        if ours and ours[-1]["state"] == "retired":
            return "crashed"  # And the one before it was gone back to.
        at = [t["applied"] for task in told["tasks"] for t in task["topics"]]
        if taken and runs(told, digest) and at == self.ends(f"{self.name}.flips"):
            return "worked"
        return None

    def check_told(self, name: str, outcome: str, told: dict) -> None:
        """Why it did not work, by the API or at least the log."""
        if outcome == "crashed":
            self.assertRegex(self.host.log(),
                             rf"function {name}\b.*: its process (ended by signal|exited with)")
        elif outcome != "worked":
            why = [told["reason"], *(g["reason"] for g in told["generations"]),
                   *(r["reason"] for r in told["retries"])]
            self.assertTrue(any(why), told)

    def test_functions_of_one_content(self) -> None:
        """They share a copy in `cache_dir`; that one is taken up never hinders another one."""
        names = [f"same-{n}" for n in range(SAME)]
        self.topics(1, f"{self.name}.same", f"{self.name}.same-out")
        for name in names:
            self.host.put_yaml({name: kafka_function(
                f"{self.name}.same", f"{name}.so", outputs={"out": f"{self.name}.same-out"})}, name)
        for mark in ("one", "two", "three"):  # Large, so that it takes a while to read.
            content = marked(mark).read_bytes() + bytes(SAME_BYTES)
            for name in names:
                self.put(content, name)
            digest = digest_of(content)
            for name in names:
                wait_until(lambda n=name: runs(self.host.function(n), digest), f"{name} runs {mark}")
        self.host.wait_ready()
        self.check_neighbour()

    def test_a_storm_of_replacements(self) -> None:
        self.storm(self.records.read)

    def test_a_storm_of_replacements_with_outputs_exactly_once(self) -> None:
        self.storm(self.read_committed, delivery="exactly_once")

    def storm(self, read: Callable[[str], list[Record]], **keys: object) -> None:
        """On a victim that works. `read`: what a reader of its outputs sees."""
        victim = self.run_victim(marked("one"), PARTITIONS, **keys)
        load = load_on(self, victim)
        before = self.generation_of_group(victim), self.host.function(victim)["pid"]
        self.replace_often([marked("one"), marked("two")], marked("three"))
        print(f"\n  generation {self.host.generation(victim)} is in use", flush=True)
        last = digest_of(marked("three").read_bytes())
        wait_until(lambda: runs(self.host.function(victim), last), "the last one runs")
        self.host.wait_ready()
        wait_until(lambda: mark_of(read(f"{victim}.out")[-1]) == LAST_MARK, "the last one works")
        load.stop()
        check_counted_once(self, victim, f"{victim}.in", f"{victim}.out", load.sent, read)
        after = self.generation_of_group(victim), self.host.function(victim)["pid"]
        self.assertEqual(after, before)
        self.check_neighbour()

    def replace_often(self, builds: list[Path], last: Path) -> None:
        """Every STORM_EVERY_S, by files that are complete before; what is late is caught up."""
        staged = [self.host.folder / f"staged-{n}.so" for n in range(STORM_FILES)]
        for n, file in enumerate(staged):
            shutil.copyfile(builds[n % len(builds)], file)
        shutil.copyfile(last, staged[-1])
        began = time.monotonic()
        for n, file in enumerate(staged, 1):
            file.rename(self.host.functions_dir / "victim.so")
            time.sleep(max(0.0, began + n * STORM_EVERY_S - time.monotonic()))
        took_s, wanted_s = time.monotonic() - began, STORM_FILES * STORM_EVERY_S
        print(f"\n  {STORM_FILES / took_s:.1f} replacements a second", flush=True)
        self.assertGreater(wanted_s / took_s, STORM_REACHED_MIN,
                           f"{STORM_FILES} replacements in {took_s:.1f} s instead of {wanted_s} s: "
                           "this machine is too busy to tell")


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
        told = re.findall(rf"error function {victim} at {victim}\.in.*: the library used a context "
                          "of another event", self.host.log())
        self.assertEqual(len(told), 1, "once for its one instance")
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
