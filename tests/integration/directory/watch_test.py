# SPDX-License-Identifier: Apache-2.0
"""Functions come, change and go with the files of functions_dir, while the host runs."""
import os
import shutil
import time

from load import Load, PARTITIONS, check_counted_once, longest_wait, mark_of
from directory_support import (Stopwatch, StackTest, example, kafka_function, marked, move_into,
                               wait_until)

IN_USE_LIMIT_S = 1.0
SUBSCRIBED = ("starting", "running")


class Watch(StackTest):
    def subscribed_after(self, host, name: str, watch: Stopwatch) -> None:
        wait_until(lambda: host.state(name) in SUBSCRIBED, f"{name} is listed")
        self.measured(f"{name} listed", watch.seconds())
        wait_until(lambda: self.members(name), f"{name} is in its group")
        self.check_within(IN_USE_LIMIT_S, watch, watch.seconds(), f"{name} member of its group")

    def check_echoes(self, topic: str, out: str) -> None:
        self.send(topic, "hello")
        self.wait_values(out, ["hello"])

    def test_library_then_yaml_is_subscribed_within_a_second(self) -> None:
        self.topics(PARTITIONS, "first.in", "first.out")
        host = self.started()
        host.put_library(example("echo"), "library_first")
        watch = Stopwatch()
        host.put_yaml({"library-first": kafka_function("first.in", outputs={"out": "first.out"})},
                      "library-first")
        self.subscribed_after(host, "library-first", watch)
        self.check_echoes("first.in", "first.out")

    def test_yaml_then_library_is_subscribed_within_a_second(self) -> None:
        self.topics(PARTITIONS, "second.in", "second.out")
        host = self.started()
        host.put_yaml({"yaml-first": kafka_function("second.in", outputs={"out": "second.out"})},
                      "yaml-first")
        wait_until(lambda: "waiting for library yaml_first.so" in host.problems(), "it waits")
        watch = Stopwatch()
        host.put_library(example("echo"), "yaml_first")
        self.subscribed_after(host, "yaml-first", watch)
        self.check_echoes("second.in", "second.out")
        host.wait_ready()

    def test_function_without_its_yaml_drains_and_leaves_its_group(self) -> None:
        self.topics(PARTITIONS, "gone.in", "gone.out")
        host = self.started()
        host.put_library(marked("one"), "gone")
        document = {"gone": kafka_function("gone.in", outputs={"out": "gone.out"})}
        yaml = host.put_yaml(document, "gone")
        load = Load(self.stack.bootstrap_servers(), "gone.in")
        self.addCleanup(load.stop)
        wait_until(lambda: len(self.records.read("gone.out")) > 100, "it works")
        yaml.unlink()
        wait_until(lambda: not host.function("gone"), "it is gone")
        wait_until(lambda: not self.members("gone"), "it left its group")
        for partition in range(PARTITIONS):
            committed = self.committed_by("gone", "gone.in")[partition]
            self.assertEqual(committed, self.applied("gone", "gone.in")[partition])
        self.assertIn("function gone removed", host.log())
        host.wait_ready()
        host.put_yaml(document, "gone")
        host.wait_state("gone", "running")
        load.stop()
        check_counted_once(self, "gone", "gone.in", "gone.out", load.sent)

    def test_library_replaced_under_load_loses_and_doubles_nothing(self) -> None:
        self.topics(PARTITIONS, "swap.in", "swap.out")
        host = self.started()
        target = host.put_library(marked("one"), "swap")
        host.put_yaml({"swap": kafka_function("swap.in", outputs={"out": "swap.out"})}, "swap")
        builds = {"one": 1, "two": 2}
        for name in builds:
            shutil.copyfile(marked(name), self.folder / f"{name}.so")

        def cat(source, target):
            with target.open("wb") as file:  # In pieces, as a slow copy would.
                data = source.read_bytes()
                for at in range(0, len(data), 4096):
                    file.write(data[at:at + 4096])
                    file.flush()

        def link(source, target):
            staged = target.with_name(".link")
            os.symlink(source, staged)
            staged.rename(target)

        ways = [("mv", move_into), ("cp", shutil.copyfile), ("cat", cat), ("ln -sf", link),
                ("ln -sf again", link), ("mv over a link", move_into)]
        load = Load(self.stack.bootstrap_servers(), "swap.in")
        self.addCleanup(load.stop)
        wait_until(lambda: len(self.records.read("swap.out")) > 100, "it works")
        for turn, (way, replace) in enumerate(ways):
            new = "two" if turn % 2 == 0 else "one"
            generation = host.generation("swap")
            replace(self.folder / f"{new}.so", target)
            replaced_ms, watch = int(time.time() * 1000), Stopwatch()
            wait_until(lambda: host.generation("swap") == generation + 1, f"{way} is seen")
            seen = watch.seconds()
            enough = load.sent.total() + 400
            wait_until(lambda: len(self.records.read("swap.out")) > enough, "it goes on")
            records = [r for r in self.records.read("swap.out") if r.timestamp_ms > replaced_ms]
            self.assertIn(builds[new], map(mark_of, records))
            in_use = longest_wait(records, builds[new], replaced_ms)
            self.check_within(IN_USE_LIMIT_S, watch, seen, f"{way}: new generation")
            self.check_within(IN_USE_LIMIT_S, watch, in_use,
                              f"{way}: last event that the old one handled")
        load.stop()
        check_counted_once(self, "swap", "swap.in", "swap.out", load.sent)
        self.assertTrue(host.alive)
        host.wait_ready()

    def test_link_whose_target_is_written_over_is_a_new_library(self) -> None:
        self.topics(1, "target.in", "target.out")
        target = self.folder / "target.so"
        shutil.copyfile(marked("one"), target)
        host = self.started()
        os.symlink(target, host.functions_dir / "linked.so")
        host.put_yaml({"linked": kafka_function("target.in", outputs={"out": "target.out"})},
                      "linked")
        host.wait_state("linked", "running")
        self.send("target.in", "a")
        self.wait_values("target.out", ["1:1"])
        watch = Stopwatch()
        shutil.copyfile(marked("two"), target)
        wait_until(lambda: host.generation("linked") == 2, "the new one is there")
        self.measured("target of a link", watch.seconds())
        self.send("target.in", "b")
        self.wait_values("target.out", ["1:1", "2:2"])

    def test_two_functions_of_one_library_change_together(self) -> None:
        self.topics(1, "twins.in", "left.out", "right.out")
        host = self.started()
        host.put_library(marked("one"), "shared")
        host.put_yaml({name: kafka_function("twins.in", "shared.so", outputs={"out": f"{name}.out"})
                       for name in ("left", "right")}, "twins")
        self.send("twins.in", "a")
        for name in ("left", "right"):
            self.wait_values(f"{name}.out", ["1:1"])
        host.put_library(marked("two"), "shared")
        for name in ("left", "right"):
            wait_until(lambda: host.generation(name) == 2, f"{name} has the new one")
        self.send("twins.in", "b")
        for name in ("left", "right"):
            self.wait_values(f"{name}.out", ["1:1", "2:2"])
