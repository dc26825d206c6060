# SPDX-License-Identifier: Apache-2.0
"""Bad libraries: named with the reason in the log, /readyz and the API; what ran before stays."""
import random
import struct

from directory_support import (FolderHost, StackTest, example, hostile, kafka_function, marked,
                               wait_until)

# Of the ELF header: where, how, and what it then is not.
E_CLASS, E_DATA, E_TYPE, E_MACHINE, E_PHOFF, E_PHNUM = 4, 5, 16, 18, 32, 56
EM_AARCH64 = 183


def changed(data: bytes, at: int, form: str, value: int) -> bytes:
    patched = bytearray(data)
    struct.pack_into(form, patched, at, value)
    return bytes(patched)


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Name → content, and a part of the reason that must be given."""
    good = marked("two").read_bytes()
    files = {f"truncated-{size}": (good[:size], "") for size in (
        0, 1, 3, 16, 52, 63, 64, 65, 100, 500, 1000, 4096, len(good) // 2, len(good) - 1000)}
    for at in (0, 1, E_CLASS, E_DATA, E_TYPE, E_PHOFF, E_PHOFF + 3, E_PHNUM, E_PHNUM + 1):
        files[f"flipped-{at}"] = (changed(good, at, "<B", good[at] ^ 0x41), "")
    files["text"] = (b"functions: {}\n" * 20, "ELF")
    files["noise"] = (random.Random(1).randbytes(5000), "ELF")
    files["other-arch"] = (changed(good, E_MACHINE, "<H", EM_AARCH64), "")
    reasons = {"no_symbol": "does not export millrace_function", "no_note": "no millrace note",
               "null_table": "gave no table", "lying_note": "ABI 2.2, this host has ABI 1.2",
               "wrong_major": "2.0", "wants_counter": "counter", "wants_ttl": "ttl"}
    for name, reason in reasons.items():
        files[name] = (hostile(name).read_bytes(), reason)
    return files


class Refusal(StackTest):
    def check_told(self, host: FolderHost, function: str, part: str) -> str:
        """The reason, once the host tells it everywhere; it names the file."""
        named = f"{function}.so"
        wait_until(lambda: named in (host.function(function).get("reason") or ""),
                   f"{function} is refused")
        reason = host.function(function)["reason"]
        self.assertIn(part, reason)
        self.assertIn(reason, host.problems())
        self.assertIn(f"function {function} refused: {reason}", host.log())
        return reason

    def test_bad_library_is_named_and_the_old_one_works_on(self) -> None:
        self.topics(1, "victim.in", "victim.out")
        host = self.started()
        host.put_library(marked("one"), "victim")
        host.put_yaml({"victim": kafka_function("victim.in", outputs={"out": "victim.out"})},
                      "victim")
        host.wait_state("victim", "running")
        host.wait_ready()
        done = 0
        for name, (content, part) in bad_files().items():
            with self.subTest(name):
                bad = self.folder / "bad"
                bad.write_bytes(content)
                host.put_library(bad, "victim")
                reason = self.check_told(host, "victim", part)
                self.assertTrue(name != "wrong_major" or "1.2" in reason, reason)
                self.assertTrue(not name.startswith("wants") or
                                "not available in this version" in reason, reason)
                self.assertEqual(host.state("victim"), "running")
                done += 1
                self.send("victim.in", name)
                self.wait_values("victim.out", [f"1:{n}" for n in range(1, done + 1)])
                host.put_library(marked("one"), "victim")
                host.wait_ready()
        self.assertEqual(host.generation("victim"), 1)
        host.put_library(marked("two"), "victim")
        wait_until(lambda: host.generation("victim") == 2, "a good one is taken")
        self.send("victim.in", "last")
        wait_until(lambda: self.values("victim.out")[-1] == f"2:{done + 1}", "it works")
        self.assertEqual(host.terminate(), 0)

    def test_refused_functions_leave_others_running_until_they_are_mended(self) -> None:
        self.topics(1, "mend.in", "mend.out", "fine.out")
        host = self.started()
        names = ["no_symbol", "wrong_major", "lying_note", "wants_counter", "no_note"]
        functions = {name.replace("_", "-"): kafka_function("mend.in", f"{name}.so")
                     for name in names}
        functions["missing"] = kafka_function("mend.in", "nowhere.so")
        functions["refuses"] = kafka_function("mend.in", "refuses.so", config={"refuse": "not so"},
                                              outputs={"out": "mend.out"})
        functions["fine"] = kafka_function("mend.in", "echo.so", outputs={"out": "fine.out"})
        for name in [*names, "refuses"]:
            host.put_library(hostile(name), name)
        host.put_library(example("echo"), "echo")
        host.put_yaml(functions, "all")
        host.wait_state("fine", "running")
        for name in set(functions) - {"fine"}:
            self.assertEqual(host.wait_state(name, "refused")["tasks"], [], name)
            self.assertEqual(self.members(name), [], name)
        reasons = host.problems()
        self.assertIn("function missing: waiting for library nowhere.so", reasons)
        self.assertIn("function refuses is refused: ", reasons)
        self.assertIn("not so", reasons)
        self.send("mend.in", "hello")
        self.wait_values("fine.out", ["hello"])
        status, answer = host.invoke("wrong-major", {"value": "x"})
        self.assertEqual(status, 409, answer)
        functions["refuses"]["config"] = {}
        host.put_yaml(functions, "all")
        host.wait_state("refuses", "running")
        self.wait_values("mend.out", ["hello"])
