# SPDX-License-Identifier: Apache-2.0
"""Null and empty keys and values, and topics that are missing or refuse."""
from kafka_client import Record
from directory_support import StackTest, example, hostile, kafka_function, marked, wait_until

REFUSED_BYTES = 5000


class Records(StackTest):
    def running(self, name: str, library, **keys):
        host = self.started()
        host.put_library(library, name)
        keys.setdefault("outputs", {"out": f"{name}.out"})
        host.put_yaml({name: kafka_function(f"{name}.in", f"{name}.so", **keys)}, name)
        return host

    def test_echo_gives_null_and_empty_byte_for_byte(self) -> None:
        self.topics(1, "bytes.in", "bytes.out")
        host = self.running("bytes", example("echo"))
        every = bytes(range(256))
        cells = [None, b"", b"\0", every, "größer".encode(), b"k"]
        sent = [Record(key, value, (("plain", b"h"), ("empty", b""), ("null", None)), 1000 + i)
                for i, (key, value) in enumerate((k, v) for k in cells for v in cells)]
        self.records.produce("bytes.in", 0, sent)
        wait_until(lambda: self.records.ends("bytes.out") == {0: len(sent)}, "all are there")
        got = self.records.read("bytes.out")
        self.assertEqual([(r.key, r.value, r.timestamp_ms) for r in got],
                         [(r.key, r.value, r.timestamp_ms) for r in sent])
        for offset, record in enumerate(got):
            self.assertEqual(record.headers,
                             (("millrace-id", b"bytes/bytes.in/0/%d/0" % offset),))
        host.wait_ready()

    def test_null_key_goes_to_the_partition_of_its_input(self) -> None:
        self.topics(3, "null-key.in")
        self.topics(2, "null-key.out")
        self.running("null-key", example("echo"))
        for partition in range(3):
            self.send("null-key.in", f"from {partition}", partition=partition, key=None)
        wait_until(lambda: len(self.records.read("null-key.out")) == 3, "all are there")
        self.assertEqual({r.value: r.partition for r in self.records.read("null-key.out")},
                         {b"from 0": 0, b"from 1": 1, b"from 2": 0})

    def test_own_state_of_a_null_key_stops_with_no_key(self) -> None:
        self.topics(1, "no-key.in", "no-key.out")
        host = self.running("no-key", marked("one"))
        self.send("no-key.in", "x")
        self.send("no-key.in", "y", key=None)
        found = host.wait_state("no-key", "stopped")
        self.assertIn("no-key.in/0@1", found["reason"])
        self.assertIn("no_key", found["reason"])
        self.assertEqual(self.applied("no-key", "no-key.in")[0], 1)

    def test_empty_key_has_a_state_of_its_own(self) -> None:
        self.topics(1, "empty.in", "empty.out")
        self.running("empty", marked("one"))
        self.send("empty.in", "x", key=b"")
        self.send("empty.in", None, "", key=b"")
        self.wait_values("empty.out", ["1:1", "1:2", "1:3"])
        self.wait_all_applied("empty", "empty.in")
        self.assertEqual(self.states("empty", "total", 1), {"": "3"})

    def test_unknown_topic_is_named_and_taken_once_it_is_there(self) -> None:
        self.topics(1, "later.out")
        host = self.running("later", example("echo"))
        wait_until(lambda: "later.in" in host.problems(), "/readyz names the topic")
        wait_until(lambda: "later.in" in host.log(), "the log names the topic")
        self.assertEqual(host.state("later"), "starting")
        self.topics(1, "later.in")
        self.send("later.in", "hello")
        self.wait_values("later.out", ["hello"])
        host.wait_ready()

    def test_unknown_output_topic_is_named_and_its_events_wait(self) -> None:
        self.topics(1, "waits.in")
        host = self.running("waits", marked("one"))
        wait_until(lambda: "output topic waits.out" in host.problems(), "/readyz names it")
        self.send("waits.in", "a", "b")
        self.topics(1, "waits.out")
        self.wait_values("waits.out", ["1:1", "1:2"])
        self.wait_all_applied("waits", "waits.in")
        self.assertEqual(self.states("waits", "total", 1), {"k": "2"})
        host.wait_ready()

    def test_topic_that_refuses_an_output_stops_the_function_with_coordinates(self) -> None:
        self.topics(2, "large.in", "fine.in", "fine.out")
        self.records.create_topic("large.out", 1, max_message_bytes=2000)
        host = self.running("large", hostile("touches_large"))
        host.put_library(example("echo"), "fine")
        host.put_yaml({"fine": kafka_function("fine.in", outputs={"out": "fine.out"})}, "fine")
        self.send("large.in", "100", partition=1)  # Alone: a broker refuses whole batches.
        wait_until(lambda: self.applied("large", "large.in")[1] == 1, "the first is done")
        self.send("large.in", str(REFUSED_BYTES), "100", partition=1)
        found = host.wait_state("large", "stopped")
        self.assertIn("large.in/1@1", found["reason"])
        self.assertIn("large.out", found["reason"])
        self.assertIn("large.in/1@1", host.log())
        self.assertIn("large.in/1@1", host.problems())
        wait_until(lambda: not self.members("large"), "it left its group")
        self.assertLessEqual(self.committed_by("large", "large.in")[1], 1)
        self.assertLessEqual(self.applied("large", "large.in")[1], 1)
        self.send("fine.in", "others go on")
        self.wait_values("fine.out", ["others go on"])

    def test_unknown_lag_is_absent_while_kafka_is_away(self) -> None:
        self.topics(1, "away.in", "away.out")
        self.send("away.in", "a", "b")
        self.stack.stop("kafka")
        host = self.running("away", example("echo"))
        wait_until(lambda: "function away" in host.problems(), "/readyz says that it waits")
        self.assertEqual(host.get("/livez")[0], 200)
        self.assertNotIn("millrace_lag_records{", host.get("/metrics")[1])
        self.stack.start("kafka")
        wait_until(lambda: 'topic="away.in",partition="0"} 0' in host.get("/metrics")[1],
                   "the lag is known")
        self.wait_values("away.out", ["a", "b"])
        host.wait_ready()
