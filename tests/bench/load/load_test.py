# SPDX-License-Identifier: Apache-2.0
"""bench_load on a real Kafka: check finds behind the loop what fill expects, and nothing else."""
import itertools
import json
import os
import signal
import subprocess
import time
import unittest

PROGRAM, BROKERS = os.environ["BENCH_LOAD"], os.environ["KAFKA"]
RECORDS, KEYS = 20_000, 500
RECORD = ["--keys", str(KEYS), "--bytes", "120", "--seed", "11"]
PATIENCE_S = 120
NAMES = itertools.count()


def words(options: dict) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]


def start(verb: str, *arguments: str, **options) -> subprocess.Popen:
    return subprocess.Popen([PROGRAM, verb, "--brokers", BROKERS, *arguments, *words(options)],
                            stdout=subprocess.PIPE, text=True)


def result(process: subprocess.Popen) -> dict:
    output = process.communicate(timeout=PATIENCE_S)[0]
    if process.returncode != 0:
        raise AssertionError(f"{process.args} ended with {process.returncode}")
    return json.loads(output.splitlines()[-1])


def run(verb: str, *arguments: str, **options) -> dict:
    return result(start(verb, *arguments, **options))


def fresh(what: str) -> str:
    return f"load-{os.getpid()}-{next(NAMES)}.{what}"


def fill(topic: str, records: int, *arguments: str) -> dict:
    return run("fill", *RECORD, *arguments, topic=topic, records=records)


def check(topic: str, patience_s: int = 30) -> dict:
    return run("check", topic=topic, cell="pass-through", **{"patience-seconds": patience_s})


def loop(source: str, delivery: str, *flags: str) -> str:
    """Copies the topic; answers where to."""
    target = fresh("out")
    done = run("loop", "--until-end", *flags, input=source, output=target, delivery=delivery,
               group=target)
    assert done["commits"] > 0 and done["seconds"] > 0, done
    return target


class FillLoopCheck(unittest.TestCase):
    def test_what_fill_expects_is_what_check_finds(self) -> None:
        source = fresh("in")
        filled = fill(source, RECORDS)
        self.assertEqual(filled["pass_through"]["digest"], check(source)["digest"])
        for delivery, *flags in (("at_least_once",), ("exactly_once",),
                                 ("at_least_once", "--as-host"), ("exactly_once", "--as-host")):
            found = check(loop(source, delivery, *flags))
            self.assertEqual(found["records"], RECORDS, delivery)
            self.assertEqual(found["digest"], filled["pass_through"]["digest"], delivery)
            self.assertEqual(found["distinct_keys"], filled["keys_used"], delivery)
            self.assertEqual(found["moved_keys"], 0, delivery)
            self.assertFalse(found["open_transaction"], delivery)

    def test_expect_tells_the_same_without_a_broker(self) -> None:
        filled = fill(fresh("in"), 3000)
        expected = run("expect", *RECORD, records=3000)
        self.assertEqual(expected, {name: filled[name] for name in expected})

    def test_a_missing_or_repeated_record_is_seen(self) -> None:
        source = fresh("in")
        fill(source, RECORDS - 1)
        right = run("expect", *RECORD, records=RECORDS)["pass_through"]
        missing = check(source)
        self.assertEqual(missing["records"], RECORDS - 1)
        self.assertNotEqual(missing["digest"], right["digest"])
        fill(source, 1, "--first-tag", "5")
        replaced = check(source)
        self.assertEqual(replaced["records"], RECORDS)
        self.assertNotEqual(replaced["digest"], right["digest"])
        fill(source, 1, "--first-tag", str(RECORDS - 1))
        repeated = check(source)
        self.assertEqual(repeated["records"], RECORDS + 1)
        self.assertNotEqual(repeated["digest"], right["digest"])

    def test_an_open_transaction_is_told_and_an_aborted_one_is_passed_over(self) -> None:
        source, target = fresh("in"), fresh("out")
        filled = fill(source, RECORDS)
        fill(target, 0)
        engine = start("loop", input=source, output=target, delivery="exactly_once", group=target,
                       **{"commit-interval-ms": 60_000})
        self.addCleanup(engine.communicate)
        self.addCleanup(engine.kill)
        until = time.monotonic() + PATIENCE_S
        while not check(target, 0)["open_transaction"]:
            self.assertLess(time.monotonic(), until, "the loop opens no transaction")
        engine.kill()
        self.assertEqual(check(target, 0)["records"], 0)
        run("loop", "--until-end", input=source, output=target, delivery="exactly_once", group=target)
        found = check(target)
        self.assertEqual(filled["pass_through"], {name: found[name] for name in ("records", "digest")})
        self.assertFalse(found["open_transaction"])

    def test_every_key_once_when_they_take_turns(self) -> None:
        source = fresh("in")
        filled = fill(source, KEYS, "--sequential")
        self.assertEqual(filled["keys_used"], KEYS)
        self.assertEqual(check(source)["distinct_keys"], KEYS)


class OpenLoop(unittest.TestCase):
    def setUp(self) -> None:
        self.source, self.target = fresh("in"), fresh("out")
        for topic in (self.source, self.target):
            fill(topic, 0)

    def test_feed_sends_until_it_is_told_to_stop_what_expect_knows(self) -> None:
        feed = start("feed", *RECORD, input=self.source, rate=2000)
        time.sleep(1.5)
        feed.send_signal(signal.SIGTERM)
        fed = result(feed)
        self.assertGreater(fed["sent"], 500)
        self.assertEqual(fed["next_tag"], fed["sent"])
        found = check(self.source)
        self.assertEqual({"records": fed["sent"], "digest": found["digest"]},
                         run("expect", *RECORD, records=fed["sent"])["pass_through"])

    def test_follow_tells_when_outputs_come_and_how_late_they_are(self) -> None:
        follower = start("follow", topic=self.source, cell="pass-through")
        self.addCleanup(follower.kill)
        time.sleep(0.5)  # It begins where the topic ends then.
        feed = start("feed", "--intended-times", *RECORD, input=self.source, rate=500)
        time.sleep(1.5)
        feed.send_signal(signal.SIGTERM)
        sent = result(feed)["sent"]
        seen = []
        while not seen or seen[-1][1] < sent:
            seen.append([int(word) for word in follower.stdout.readline().split()])
        follower.terminate()
        self.assertEqual(result(follower)["received"], sent)
        delays_s = [(came - intended) / 1e9 for came, _, intended in seen]
        self.assertGreater(min(delays_s), 0)
        self.assertLess(sorted(delays_s)[len(delays_s) // 2], 1)

    def test_pace_measures_a_loop_and_knows_earlier_content(self) -> None:
        fill(self.target, 100)
        for delivery in ("at_least_once", "exactly_once"):
            engine = start("loop", input=self.source, output=self.target, delivery=delivery,
                           group=f"{self.target}.{delivery}")
            self.addCleanup(engine.kill)
            try:
                paced = run("pace", *RECORD, input=self.source, output=self.target, rate=1000,
                            seconds=3, cell="pass-through", **{"warmup-seconds": 1})
            finally:
                engine.terminate()
            self.assertGreater(result(engine)["records"], 0)
            self.assertEqual((paced["sent"], paced["received"]), (3000, 3000), delivery)
            self.assertEqual((paced["missing"], paced["repeated"]), (0, 0), delivery)
            self.assertEqual(paced["latency_ms"]["count"], 2000, delivery)
            self.assertGreater(paced["latency_ms"]["p50"], 0)
            self.assertLessEqual(paced["latency_ms"]["p50"], paced["latency_ms"]["max"])


class Errors(unittest.TestCase):
    def ends_with(self, code: int, *arguments: str) -> str:
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                              timeout=PATIENCE_S)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout + done.stderr

    def test_usage(self) -> None:
        self.ends_with(2)
        self.ends_with(2, "expect", "--records", "1", "--bytes", "25")
        self.ends_with(2, "check", "--brokers", BROKERS, "--topic", "a", "--cell", "other")

    def test_a_failure_names_what_is_wrong(self) -> None:
        text = self.ends_with(1, "check", "--brokers", BROKERS, "--topic", "nowhere", "--cell",
                              "aggregate")
        self.assertIn("no topic nowhere", text)
        source = fresh("in")
        fill(source, 1)
        text = self.ends_with(1, "check", "--brokers", BROKERS, "--topic", source, "--cell",
                              "aggregate")
        self.assertIn("is no total", text)
        text = self.ends_with(1, "fill", "--brokers", BROKERS, "--topic", source, "--records", "1",
                              "--partitions", "2")
        self.assertIn("with 4 partitions, not 2", text)


if __name__ == "__main__":
    unittest.main()
