# SPDX-License-Identifier: Apache-2.0
"""`millrace dev`: the same functions on an embedded broker and a store that does not last."""
import json
import shutil
from pathlib import Path

from kafka_client import Kafka, Record
from directory_support import FolderHost, FolderTest, example, kafka_function, marked, wait_until

EMBEDDED_PARTITIONS = 4


class Dev(FolderTest):
    def started(self) -> tuple[FolderHost, Kafka]:
        host = self.new_host(None).start()
        kafka = Kafka(host.embedded_brokers)
        self.addCleanup(kafka.close)
        return host, kafka

    def put_example(self, host: FolderHost, name: str) -> None:
        host.put_library(example(name), name)
        shutil.copyfile(Path(example(name)).with_suffix(".yaml"), host.functions_dir /
                        f"{name}.yaml")

    def test_examples_run_on_records_from_another_process(self) -> None:
        host, kafka = self.started()
        self.assertIn("not durable: nothing outlives this process", host.log())
        for name in ("echo", "page_edits", "bids", "c_counter"):
            self.put_example(host, name)
        for name in ("echo", "page-edits", "bids", "c-counter"):
            found = host.wait_state(name, "running")
            self.assertEqual((found["isolation"], found["pid"]), ("inline", None), name)
        host.wait_ready()
        for topic in ("in", "out", "wiki.edits", "wiki.page-counts", "bids", "auction-stats"):
            self.assertEqual(len(kafka.ends(topic)), EMBEDDED_PARTITIONS, topic)
        edits = [json.dumps({"added": n, "deleted": None}).encode() for n in (5, 7)]
        kafka.produce("wiki.edits", 1, [Record(b"Mill", edit) for edit in edits])
        kafka.produce("in", 3, [Record(b"k", b"hello"), Record(None, None), Record(b"", b"")])
        wait_until(lambda: len(kafka.read("wiki.page-counts")) == 2, "the counts are there")
        wait_until(lambda: len(kafka.read("out")) == 3, "the echoes are there")
        self.assertEqual([json.loads(r.value)["added"] for r in kafka.read("wiki.page-counts")],
                         [5, 12])
        self.assertEqual({(r.key, r.value) for r in kafka.read("out")},
                         {(b"k", b"hello"), (None, None), (b"", b"")})
        wait_until(lambda: host.invoke("page-edits", {"key": "Mill", "value": '{"added":1}'})[1]
                   ["state"][0]["before"] is not None, "the state is committed")
        status, answer = host.invoke("page-edits", {"key": "Mill", "value": '{"added":1}'})
        self.assertEqual((status, answer["outcome"], answer["partition"]), (200, "done", 1))
        self.assertEqual(json.loads(answer["state"][0]["before"])["added"], 12)
        self.assertEqual(json.loads(answer["emitted"][0]["value"])["added"], 13)
        self.assertEqual(len(kafka.read("wiki.page-counts")), 2)
        self.assertEqual(host.terminate(), 0)

    def test_library_without_yaml_runs_on_what_its_note_suggests(self) -> None:
        host, kafka = self.started()
        host.put_library(example("page_edits"), "page_edits")
        found = host.wait_state("page-edits", "running")
        self.assertEqual(found["topics"], ["wiki.edits"])
        kafka.produce("wiki.edits", 0, [Record(b"Mill", b'{"added":3}')])
        wait_until(lambda: [r.value for r in kafka.read("counts")] ==
                   [b'{"edits":1,"added":3,"deleted":0}'], "the output has its name as topic")
        host.put_library(marked("one"), "no_triggers")
        self.put_example(host, "echo")
        host.wait_state("echo", "running")
        self.assertEqual(host.function("marked-counter"), {})
        (host.functions_dir / "page_edits.so").unlink()
        wait_until(lambda: not host.function("page-edits"), "it is gone with its library")
        host.wait_ready()

    def test_library_without_yaml_does_not_run_outside_of_dev(self) -> None:
        host = self.new_host({"redis": {"url": "redis://127.0.0.1:1/0"},
                              "kafka": {"bootstrap.servers": "127.0.0.1:1"}}).start()
        host.put_library(example("page_edits"), "page_edits")
        host.put_yaml({"witness": kafka_function("in")}, "witness")  # Taken later than the library.
        wait_until(lambda: "waiting for library witness.so" in host.problems(), "YAML is read")
        self.assertEqual(host.function("page-edits"), {})
        self.assertEqual(json.loads(host.get("/api/v1/functions")[1])["functions"][1:], [])
        self.assertEqual(host.terminate(), 0)

    def test_library_is_replaced_and_its_state_kept(self) -> None:
        host, kafka = self.started()
        host.put_library(marked("one"), "count")
        host.put_yaml({"count": kafka_function("count.in", outputs={"out": "count.out"})}, "count")
        host.wait_state("count", "running")
        kafka.produce("count.in", 0, [Record(b"k", b"x")])
        wait_until(lambda: [r.value for r in kafka.read("count.out")] == [b"1:1"], "it counts")
        host.put_library(marked("extra"), "count")
        wait_until(lambda: host.generation("count") == 2, "the new one is there")
        kafka.produce("count.in", 0, [Record(b"k", b"x")])
        wait_until(lambda: [r.value for r in kafka.read("count.out")] == [b"1:1", b"3:2"],
                   "the state is kept")
