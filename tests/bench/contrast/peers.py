# SPDX-License-Identifier: Apache-2.0
"""The peers' programs, built by Maven into the build folder when their sources have changed."""
import hashlib
import subprocess
import sys
from pathlib import Path

from .errors import BenchError

SOURCES = Path(__file__).resolve().parents[1] / "peers"
MARK = "built-from"


def class_path(name: str, build: Path) -> str:
    """Builds the peer unless that has been done; what java takes as -cp."""
    target = build / "peers" / name
    digest = _digest(SOURCES / name)
    mark = target / MARK
    if not mark.exists() or mark.read_text() != digest:
        _build(name, target)
        mark.write_text(digest)
    return f"{target}/peer.jar:{target}/lib/*"


def _digest(folder: Path) -> str:
    content = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            content.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return content.hexdigest()


def _build(name: str, target: Path) -> None:
    print(f"bench: building the peer {name} (once)", file=sys.stderr, flush=True)
    command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(SOURCES / name / "pom.xml"),
               f"-Dpeer.target={target}", "package"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    except FileNotFoundError:
        raise BenchError("mvn is not installed; script/bootstrap build test bench does it") from None
    if done.returncode != 0:
        raise BenchError(f"Maven could not build {SOURCES / name} (exit {done.returncode}, reason "
                         "above); check that it reaches its repository")
