# SPDX-License-Identifier: Apache-2.0
"""Executes the Dockerfile on a fresh Debian and runs the image's program as the image would."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import dockerfile
import fresh_root


def try_image(project: Path) -> int:
    with ExitStack() as roots:
        text = (project / "Dockerfile").read_text()
        image = dockerfile.Build(project, roots).execute(dockerfile.parse(text))
        if image.user in ("root", "0"):
            print("the image's last USER is root; the host must not run as root")
            return 1
        if image.command[:2] != ["run", "-c"]:
            print(f"CMD is {image.command}; it must run the host")
            return 1
        image.run([*image.entrypoint, "version"])
        image.run(["test", "-r", image.command[2]])
        print(f"the image is made, and runs its program as {image.user}", flush=True)
    return 0


def main() -> int:
    project = Path(sys.argv[1]).resolve()
    if why := fresh_root.missing():
        print(f"SKIPPED: the Dockerfile was NOT tried: {why}")
        return fresh_root.SKIPPED
    try:
        return try_image(project)
    except subprocess.CalledProcessError as error:
        print(f"the last command above ended with exit code {error.returncode}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
