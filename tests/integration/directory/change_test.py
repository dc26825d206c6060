# SPDX-License-Identifier: Apache-2.0
"""A function's YAML changes, or its library wants other states and outputs, while it runs."""
from load import Load, PARTITIONS, check_counted_once
from directory_support import StackTest, kafka_function, marked, wait_until


class Change(StackTest):
    def running(self, name: str, build: str, inputs: list[str], **outputs: str):
        host = self.started()
        host.put_library(marked(build), name.replace("-", "_"))
        host.put_yaml({name: kafka_function(inputs, outputs=outputs)}, name)
        host.wait_state(name, "running")
        return host

    def test_other_topics_restart_the_function_with_its_state(self) -> None:
        self.topics(1, "topics.a", "topics.b", "topics.out")
        host = self.running("topics", "one", ["topics.a"], out="topics.out")
        self.send("topics.a", "1", "2")
        self.wait_values("topics.out", ["1:1", "1:2"])
        host.put_yaml({"topics": kafka_function(["topics.a", "topics.b"],
                                                outputs={"out": "topics.out"})}, "topics")
        wait_until(lambda: host.function("topics").get("topics") ==
                   ["topics.a", "topics.b"], "it has the new topics")
        self.send("topics.b", "3")
        self.wait_values("topics.out", ["1:1", "1:2", "1:3"])
        self.assertEqual(host.generation("topics"), 2)
        host.wait_ready()

    def test_function_that_restarts_is_listed_all_the_time(self) -> None:
        self.topics(1, "listed.in", "listed.out")
        host = self.running("listed", "one", ["listed.in"], out="listed.out")
        before = host.function("listed")["lanes"]
        host.put_yaml({"listed": kafka_function("listed.in", outputs={"out": "listed.out"},
                                                lanes=before + 1)}, "listed")
        seen = set()

        def restarted():
            found = host.function("listed")
            self.assertTrue(found, "not listed while it restarts")
            seen.add(found["state"])
            return found["lanes"] == before + 1 and found["state"] == "running"

        wait_until(restarted, "it runs with another lane")
        self.assertLessEqual(seen, {"running", "starting", "stopping"})

    def test_bad_yaml_keeps_what_runs_and_is_named(self) -> None:
        self.topics(1, "bad.in", "bad.out")
        host = self.running("bad-yaml", "one", ["bad.in"], out="bad.out")
        good = (host.functions_dir / "bad-yaml.yaml").read_text()
        host.put_text("functions:\n  bad-yaml:\n    lanez: 2\n", "bad-yaml")
        reason = 'bad-yaml.yaml:3:5: error: unknown key "lanez"'
        wait_until(lambda: reason in host.problems(), "/readyz names the file")
        self.assertIn(reason, host.log())
        self.assertIn('did you mean "lanes"', host.log())
        self.send("bad.in", "x")
        self.wait_values("bad.out", ["1:1"])
        self.assertEqual(host.state("bad-yaml"), "running")
        host.put_text(good, "bad-yaml")
        host.wait_ready()
        self.assertEqual(host.generation("bad-yaml"), 1)

    def test_yaml_that_does_not_fit_the_library_keeps_what_runs(self) -> None:
        self.topics(1, "fit.in", "fit.out", "fit.more")
        host = self.running("fit", "one", ["fit.in"], out="fit.out")
        outputs = {"out": "fit.out", "more": "fit.more"}
        host.put_yaml({"fit": kafka_function("fit.in", outputs=outputs)}, "fit")
        wait_until(lambda: "output 'more' is configured, but" in host.problems(), "it is named")
        self.send("fit.in", "x")
        self.wait_values("fit.out", ["1:1"])
        self.assertEqual(host.state("fit"), "running")
        host.put_library(marked("more"), "fit")
        wait_until(lambda: host.generation("fit") == 2, "the library came after its YAML")
        self.send("fit.in", "y")
        self.wait_values("fit.out", ["1:1", "4:2"])
        self.wait_values("fit.more", ["4:2"])
        host.wait_ready()

    def test_library_that_does_not_fit_the_yaml_waits_for_it(self) -> None:
        self.topics(1, "late.in", "late.out", "late.more")
        host = self.running("late", "one", ["late.in"], out="late.out")
        host.put_library(marked("more"), "late")
        wait_until(lambda: "output 'more' of" in host.problems(), "it is named")
        self.send("late.in", "x")
        self.wait_values("late.out", ["1:1"])
        outputs = {"out": "late.out", "more": "late.more"}
        host.put_yaml({"late": kafka_function("late.in", outputs=outputs)}, "late")
        wait_until(lambda: not host.problems() and host.generation("late") == 2, "both fit")
        self.send("late.in", "y")
        self.wait_values("late.out", ["1:1", "4:2"])
        self.wait_values("late.more", ["4:2"])

    def test_library_with_another_state_keeps_what_was_counted(self) -> None:
        self.topics(PARTITIONS, "states.in", "states.out")
        host = self.running("states", "one", ["states.in"], out="states.out")
        load = Load(self.stack.bootstrap_servers(), "states.in")
        self.addCleanup(load.stop)
        for build, mark in (("extra", b"3:"), ("two", b"2:"), ("extra", b"3:")):
            wait_until(lambda: host.put_library(marked(build), "states"), build)
            wait_until(lambda: any(r.value.startswith(mark)
                                   for r in self.records.read("states.out")[-20:]), build)
        load.stop()
        check_counted_once(self, "states", "states.in", "states.out", load.sent)
        extra = sum(int(v) for v in self.states("states", "extra", PARTITIONS).values())
        marked_three = sum(r.value.startswith(b"3:") for r in self.records.read("states.out"))
        self.assertEqual(extra, marked_three)
        host.wait_ready()

    def test_second_function_of_a_group_starts_when_the_first_is_gone(self) -> None:
        self.topics(1, "group.in", "group.out")
        host = self.started()
        host.put_library(marked("one"), "counter")
        document = kafka_function("group.in", "counter.so", outputs={"out": "group.out"},
                                  group="one-for-both")
        first = host.put_yaml({"first": document}, "first")
        host.wait_state("first", "running")
        host.put_yaml({"second": document}, "second")
        wait_until(lambda: "group one-for-both is function first's already" in host.problems(),
                   "the second is refused")
        self.assertEqual(host.state("first"), "running")
        first.unlink()
        host.wait_state("second", "running")

    def test_problem_is_forgotten_with_the_file_that_had_it(self) -> None:
        host = self.started()
        yaml = host.put_yaml({"forgotten": kafka_function("none")}, "forgotten")
        wait_until(lambda: "waiting for library forgotten.so" in host.problems(), "it waits")
        yaml.unlink()
        host.wait_ready()
        self.assertEqual(host.function("forgotten"), {})
