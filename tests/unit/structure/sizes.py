# SPDX-License-Identifier: Apache-2.0
"""Checks that files and functions stay readable: the limits below, in product and tests alike."""

import sys
from pathlib import Path

import tree
from function_sizes import functions_of

FUNCTION_LINES_MAX = 70
SOURCE_LINES_MAX = 500
HEADER_LINES_MAX = 300


def check_file(path: Path, text: str) -> list[str]:
    findings = []
    lines_max = HEADER_LINES_MAX if path.suffix == ".h" else SOURCE_LINES_MAX
    lines = len(text.splitlines())
    if lines > lines_max:
        findings.append(f"{path}:1: {lines} lines; split by meaning, {lines_max} is the limit")
    for function in functions_of(text):
        if function.lines > FUNCTION_LINES_MAX:
            findings.append(f"{path}:{function.line}: {function.name} takes {function.lines} "
                            f"lines; split by meaning, {FUNCTION_LINES_MAX} is the limit")
    return findings


def check(root: Path) -> list[str]:
    return [finding for path in tree.code_files(root)
            for finding in check_file(path, tree.read(root / path))]


if __name__ == "__main__":
    sys.exit(tree.report(check))
