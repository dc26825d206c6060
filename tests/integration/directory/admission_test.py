# SPDX-License-Identifier: Apache-2.0
"""Admission: what a library would do to the host when it is loaded, it does to a probe alone."""
import os
import subprocess
from pathlib import Path

from directory_support import (FolderHost, StackTest, hostile, kafka_function, marked, wait_until)

PROBE_DEADLINE_S = 5
# Library → what the host says of it.
DEFECTS = {
    "constructor_exits": "its probe exited with code 0 while it was loaded, in its constructors",
    "constructor_crashes": "its probe ended by signal 11 (Segmentation fault)",
    "constructor_throws": "its probe ended by signal 6 (Aborted)",
    "constructor_hangs": "did not come to an end within 5000 ms while it was loaded",
}


def probes(pid: int) -> list[int]:
    """Children of this process that try a library."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if name_of(child) == "millrace-probe"]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return ""


def exists(pid: int) -> bool:
    """Not as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Admission(StackTest):
    def function_of(self, topic: str) -> dict:
        """One that reads it and writes TOPIC.out; both are made."""
        self.topics(1, topic, f"{topic}.out")
        return kafka_function(topic, outputs={"out": f"{topic}.out"})

    def host_with_neighbour(self, name: str) -> FolderHost:
        """A host with a function of this name, which counts the events of NAME.in."""
        host = self.started()
        host.put_library(marked("one"), name)
        host.put_yaml({name: self.function_of(f"{name}.in")}, name)
        host.wait_state(name, "running")
        host.wait_ready()
        return host

    def test_a_library_that_cannot_be_loaded_hurts_nobody_and_is_told(self) -> None:
        host = self.host_with_neighbour("probe")
        host.put_yaml({"victim": self.function_of("victim.in")}, "victim")
        for done, (name, reason) in enumerate(DEFECTS.items(), start=1):
            with self.subTest(name):
                host.put_library(hostile(name), "victim")
                self.send("probe.in", name)  # While the probe runs.
                self.wait_values("probe.in.out", [f"1:{n}" for n in range(1, done + 1)])
                wait_until(lambda r=reason: r in (host.function("victim").get("reason") or ""),
                           "it is refused", timeout_s=PROBE_DEADLINE_S + 30)
                self.assertEqual(host.state("victim"), "refused")
                self.assertIn(reason, host.problems())
                self.assertEqual(host.state("probe"), "running")
        self.assertEqual(len(self.members("probe")), 1)
        self.assertEqual(probes(host.pid), [])
        host.put_library(marked("two"), "victim")
        host.wait_state("victim", "running")
        host.wait_ready()
        self.assertEqual(host.terminate(), 0)

    def test_a_hanging_probe_gives_way_to_the_next_content_and_dies_with_the_host(self) -> None:
        host = self.host_with_neighbour("stuck")
        host.put_yaml({"slow": self.function_of("slow.in")}, "slow")
        host.put_library(hostile("constructor_hangs"), "slow")
        wait_until(lambda: probes(host.pid), "the probe runs")
        self.assertEqual(host.state("slow"), "starting")
        self.assertIn("library slow.so is being probed", host.function("slow")["reason"])
        host.put_library(marked("two"), "slow")
        host.wait_state("slow", "running")
        self.assertEqual(probes(host.pid), [])

        host.put_library(hostile("constructor_hangs"), "slow")
        running = wait_until(lambda: probes(host.pid), "the probe runs")
        self.assertEqual(host.state("slow"), "running", "what runs is not touched")
        host.kill()
        wait_until(lambda: not any(exists(pid) for pid in running), "the probe is gone")

    def test_a_signature_is_asked_for_and_taken_when_it_comes(self) -> None:
        key, public = self.folder / "key.pem", self.folder / "public.pem"
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", key)
        self.openssl("pkey", "-in", key, "-pubout", "-out", public)
        config = self.config({})
        config["host"] = config.get("host", {}) | {
            "trust": {"require": True, "keys": [public.read_text().splitlines()[1]]}}
        host = self.new_host(config).start()
        host.put_yaml({"signed": self.function_of("signed.in")}, "signed")
        library = host.put_library(marked("one"), "signed")
        reason = "has no signature"
        wait_until(lambda: reason in (host.function("signed").get("reason") or ""), "it is refused")
        signature = self.folder / "signed.so.sig"
        self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", library, "-out", signature)
        signature.rename(host.functions_dir / "signed.so.sig")
        host.wait_state("signed", "running")
        host.put_library(marked("two"), "signed")
        reason = "is no signature of it by any of the 1 keys"
        wait_until(lambda: reason in (host.function("signed").get("reason") or ""), "it is refused")
        self.assertEqual((host.state("signed"), host.generation("signed")), ("running", 1))

    @staticmethod
    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def test_a_file_that_others_may_write_is_refused_by_run_and_warned_of_by_dev(self) -> None:
        host = self.host_with_neighbour("owner")
        open_to_others = {"open": self.function_of("open.in")}
        host.put_yaml(open_to_others, "open")
        host.put_library(marked("two"), "open").chmod(0o664)
        wait_until(lambda: "has mode 0664" in (host.function("open").get("reason") or ""),
                   "it is refused")
        os.chmod(host.functions_dir / "open.so", 0o644)
        host.wait_state("open", "running")

        dev = self.new_host(None)
        library = dev.put_library(marked("two"), "open")
        library.chmod(0o664)
        dev.put_yaml(open_to_others, "open")
        dev.start()
        dev.wait_state("open", "running")
        self.assertIn("has mode 0664, so others than its owner may write it", dev.log())
