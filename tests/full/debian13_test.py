# SPDX-License-Identifier: Apache-2.0
"""Runs script/test with its own set-up on a fresh Debian 13: builds and unit tests."""

import subprocess
import sys
from pathlib import Path

import fresh_root


def main() -> int:
    project = Path(sys.argv[1]).resolve()
    if why := fresh_root.missing():
        print(f"SKIPPED: Debian 13 was NOT tried: {why}")
        return fresh_root.SKIPPED
    with fresh_root.FreshRoot() as root:
        root.install("trixie")
        fresh_root.copy_project(project, root.inside("/src"))
        try:
            root.run(["script/test", "--only", "unit"], "/src")
            root.run(["sh", "-c", "cat /etc/debian_version && g++ --version | head -n 1"])
            print("script/test --only unit passed on the system above", flush=True)
        except subprocess.CalledProcessError as error:
            print(f"script/test on Debian 13 ended with exit code {error.returncode}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
