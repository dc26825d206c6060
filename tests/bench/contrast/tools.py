# SPDX-License-Identifier: Apache-2.0
"""bench_load, and whatever else is started for one answer."""
import json
import os
import signal
import subprocess
from pathlib import Path

from .errors import BenchError

TOOL_S = 3600.0


class LoadTool:
    """bench_load; each verb answers with one JSON object. tests/bench/load/README.md."""

    def __init__(self, program: Path, processors: set[int] | None) -> None:
        self._program, self._processors = program, processors

    def run(self, verb: str, **options: object) -> dict:
        tool = self.start(verb, **options)
        try:
            return tool.result(TOOL_S)
        finally:
            tool.end()

    def start(self, verb: str, **options: object) -> "RunningTool":
        return RunningTool([str(self._program), verb, *_words(options)], self._processors)


class RunningTool:
    def __init__(self, command: list[str], processors: set[int] | None) -> None:
        def prepare() -> None:
            if processors:
                os.sched_setaffinity(0, processors)

        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                         preexec_fn=prepare)

    def lines(self):
        """What it prints, as it comes."""
        return self._process.stdout

    def stop(self) -> dict:
        self._process.send_signal(signal.SIGTERM)
        return self.result(TOOL_S)

    def result(self, timeout_s: float) -> dict:
        out, errors = self._process.communicate(timeout=timeout_s)
        if self._process.returncode != 0:
            raise BenchError(f"{' '.join(self._process.args[:2])} failed with "
                             f"{self._process.returncode}: {errors.strip()}")
        return json.loads(out.strip().splitlines()[-1])

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _words(options: dict[str, object]) -> list[str]:
    words = []
    for name, value in options.items():
        word = "--" + name.replace("_", "-")
        if value is True:
            words.append(word)
        elif value is not None and value is not False:
            words += [word, str(value)]
    return words
