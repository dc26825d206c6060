# SPDX-License-Identifier: Apache-2.0
"""The files that the checks look at, and how a check reports: `path:line: what is wrong`."""

import os
import sys
from pathlib import Path

CODE_SUFFIXES = {".h", ".cc", ".c"}
# Folders that hold what a build, a run or an editor left behind.
LEFTOVER_FOLDERS = {".git", ".cache", ".millrace", ".vscode", ".idea", "build", "__pycache__"}


def files(root: Path) -> list[Path]:
    """Every regular file of the tree below root, relative to it, sorted."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in LEFTOVER_FOLDERS)
        found += [Path(folder, name) for name in names]
    return sorted(path.relative_to(root) for path in found if not path.is_symlink())


def code_files(root: Path) -> list[Path]:
    """The C and C++ files among them."""
    return [path for path in files(root) if path.suffix in CODE_SUFFIXES]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def report(check) -> int:
    """Runs check(root) for the root named on the command line; its findings are the failure."""
    root = Path(sys.argv[1]).resolve()
    findings = check(root)
    for finding in findings:
        print(finding)
    print(f"{len(findings)} finding(s)")
    return 1 if findings else 0
