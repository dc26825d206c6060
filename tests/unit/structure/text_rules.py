# SPDX-License-Identifier: Apache-2.0
"""Checks what a reader sees first: the licence line, and no mark of unfinished work."""

import re
import sys
from pathlib import Path

import tree

LICENCE = "SPDX-License-Identifier: Apache-2.0"
LICENSED_SUFFIXES = tree.CODE_SUFFIXES | {".py", ".cmake", ".sh", ".lua"}
LICENSED_NAMES = {"CMakeLists.txt", "Dockerfile"}
# Spelled in halves, so that this file passes its own check.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")


def needs_licence(path: Path, text: str) -> bool:
    return (path.suffix in LICENSED_SUFFIXES or path.name in LICENSED_NAMES
            or text.startswith("#!"))


def check_licence(path: Path, text: str) -> list[str]:
    """The licence line is the first one, or the second below a #! line."""
    lines = text.splitlines()[:2] + ["", ""]
    first = 1 if lines[0].startswith("#!") else 0
    if LICENCE in lines[first]:
        return []
    return [f"{path}:{first + 1}: this line must read `{LICENCE}` in a comment"]


def check_unfinished(path: Path, text: str) -> list[str]:
    return [f"{path}:{number}: {match[0]} marks unfinished work; finish it or leave it out"
            for number, line in enumerate(text.splitlines(), 1)
            if (match := UNFINISHED.search(line))]


def check(root: Path) -> list[str]:
    findings = []
    for path in tree.files(root):
        data = (root / path).read_bytes()
        if b"\0" in data:
            continue
        text = data.decode("utf-8", errors="replace")
        if needs_licence(path, text):
            findings += check_licence(path, text)
        findings += check_unfinished(path, text)
    return findings


if __name__ == "__main__":
    sys.exit(tree.report(check))
