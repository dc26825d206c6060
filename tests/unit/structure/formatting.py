# SPDX-License-Identifier: Apache-2.0
"""Checks that clang-format would change no C or C++ file; `--fix` before the root rewrites them.

Other versions of clang-format break lines in other places, so only the pinned one decides; where
it is missing the check is skipped (exit 77) and says so.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import tree

PINNED_MAJOR = 14
SKIPPED = 77


def pinned_clang_format() -> str:
    """The path of a clang-format of the pinned version; empty if there is none."""
    for name in (f"clang-format-{PINNED_MAJOR}", "clang-format"):
        path = shutil.which(name)
        if path and major_of(path) == PINNED_MAJOR:
            return path
    return ""


def major_of(clang_format: str) -> int:
    text = subprocess.run([clang_format, "--version"], capture_output=True, text=True).stdout
    version = re.search(r"version (\d+)", text)
    return int(version[1]) if version else 0


def check(clang_format: str, root: Path, fix: bool = False) -> int:
    """Exit code of clang-format over all files; it prints where it disagrees."""
    paths = [str(path) for path in tree.code_files(root)]
    action = ["-i"] if fix else ["--dry-run", "--Werror", "--ferror-limit=3"]
    return subprocess.run([clang_format, "--style=file", *action, *paths], cwd=root).returncode


def main() -> int:
    clang_format = pinned_clang_format()
    if not clang_format:
        print(f"SKIPPED: the format was NOT checked: clang-format {PINNED_MAJOR} is not installed "
              "(Debian 12 has it; script/bootstrap test installs it there)")
        return SKIPPED
    return check(clang_format, Path(sys.argv[-1]).resolve(), fix="--fix" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
