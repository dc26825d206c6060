# SPDX-License-Identifier: Apache-2.0
"""script/demo as a user runs it, with the programs of this build (MILLRACE_BUILD_DIR)."""
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
import unittest
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "script" / "demo"
START_S = 60
END_S = 180
# As /proc names them: 15 characters.
PROGRAMS = ["auction-bids", "auction-bids-vi", "millrace"]


class Demo:
    """A run of script/demo in a session of its own, whose output is kept line by line."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [str(DEMO), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.output: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, pattern: str, seconds: float) -> str:
        until = time.monotonic() + seconds
        while True:
            line = self._lines.get(timeout=max(until - time.monotonic(), 0))
            if line is None:
                raise AssertionError(f"no line with {pattern}:\n{''.join(self.output)}")
            self.output.append(line)
            if re.search(pattern, line):
                return line

    def finish(self) -> int:
        while (line := self._lines.get(timeout=END_S)) is not None:
            self.output.append(line)
        return self.process.wait(timeout=END_S)

    def text(self) -> str:
        return "".join(self.output)

    def children(self) -> dict[int, str]:
        """The programs that this run has started, by process id."""
        found = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, fields = status.read_text().split("(", 1)[1].rsplit(")", 1)
            except OSError:  # Has ended meanwhile.
                continue
            state, parent = fields.split()[:2]
            if int(parent) == self.process.pid and state != "Z" and name in PROGRAMS:
                found[int(status.parent.name)] = name
        return found

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=END_S)
        self.process.stdout.close()


def run_line(command: str) -> str:
    """Runs a line as a user would paste it; its output."""
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], stdout=subprocess.PIPE,
                          text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command!r} exits with {done.returncode}:\n{done.stdout}")
    return done.stdout


def alive(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class DemoTest(unittest.TestCase):
    def start(self, *arguments: str) -> Demo:
        demo = Demo(*arguments)
        self.addCleanup(demo.end)
        return demo

    def assert_nothing_is_left(self, children: dict[int, str], demo: Demo) -> None:
        self.assertEqual({pid: name for pid, name in children.items() if alive(pid)}, {})
        folder = re.search(r"(/\S*millrace-demo\.\w+)/functions", demo.text())[1]
        self.assertFalse(os.path.exists(folder), folder)

    def test_the_function_counts_what_was_sent_and_the_printed_lines_work(self) -> None:
        demo = self.start("--seconds", "5", "--seed", "42")
        demo.wait_for("Try next", START_S)
        lines = [demo.wait_for("curl ", START_S).strip() for _ in range(3)]

        functions = json.loads(run_line(lines[0]))
        self.assertIn("bids", json.dumps(functions))
        invoked = json.loads(run_line(lines[1]))
        self.assertEqual(invoked["outcome"], "done", invoked)
        self.assertTrue(invoked["emitted"], invoked)
        self.assertTrue(invoked["state"], invoked)
        self.assertRegex(run_line(lines[2]), r'(?m)^millrace_lag_records\{.*function="bids"')

        demo.wait_for(r"bids counted [1-9]", START_S)
        children = demo.children()
        self.assertEqual(sorted(children.values()), PROGRAMS)

        self.assertEqual(demo.finish(), 0, demo.text())
        equal = re.search(r"(?m)^equal: (\d+) bids, (\d+) auctions$", demo.text())
        self.assertIsNotNone(equal, demo.text())
        sent = json.loads(re.search(r"(?m)^sent: +(\{.*\})$", demo.text())[1])
        self.assertEqual([int(equal[1]), int(equal[2])], [sent["bids"], sent["auctions"]])
        self.assertGreater(sent["bids"], 10_000)
        self.assert_nothing_is_left(children, demo)

    def test_ctrl_c_ends_the_stream_and_still_compares(self) -> None:
        demo = self.start("--seconds", "600", "--rate", "500")
        demo.wait_for(r"bids counted [1-9]", START_S)
        children = demo.children()
        os.killpg(demo.process.pid, signal.SIGINT)
        self.assertEqual(demo.finish(), 0, demo.text())
        self.assertRegex(demo.text(), r"(?m)^equal: [1-9]\d* bids, ")
        self.assert_nothing_is_left(children, demo)

    def test_a_kill_leaves_nothing_running(self) -> None:
        demo = self.start("--seconds", "600", "--rate", "500")
        demo.wait_for(r"bids counted [1-9]", START_S)
        children = demo.children()
        self.assertEqual(sorted(children.values()), PROGRAMS)
        demo.process.terminate()
        self.assertEqual(demo.finish(), 143, demo.text())
        self.assert_nothing_is_left(children, demo)

    def test_arguments_that_it_does_not_know_are_refused(self) -> None:
        for arguments in (["--second", "5"], ["--seconds"], ["--rate", "fast"]):
            done = subprocess.run([str(DEMO), *arguments], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, timeout=30, check=False)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("usage:", done.stderr)


if __name__ == "__main__":
    unittest.main()
