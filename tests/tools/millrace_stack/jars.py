# SPDX-License-Identifier: Apache-2.0
"""The broker's jars: downloaded once through Maven into the user's cache."""
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .errors import StackError

POM = Path(__file__).resolve().parent.parent / "kafka" / "pom.xml"


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "millrace"


def kafka_jars() -> Path:
    """The folder with the jars. Safe when several callers need them at once."""
    pom = POM.read_bytes()
    version = re.search(rb"<kafka.version>(.*?)</kafka.version>", pom).group(1).decode()
    cache = _cache_folder()
    target = cache / f"kafka-{version}-{hashlib.sha256(pom).hexdigest()[:8]}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{target.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _download(target, cache / f"{target.name}.partial")
    return target


def _download(target: Path, partial: Path) -> None:
    print(f"stack: fetching Kafka's jars into {target} (once)", file=sys.stderr)
    shutil.rmtree(partial, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(POM),
               "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    except FileNotFoundError:
        raise StackError("mvn is not installed; script/bootstrap installs it") from None
    if done.returncode != 0:
        raise StackError(f"Maven could not fetch the jars named in {POM} (exit "
                         f"{done.returncode}, reason above); check that it reaches its repository")
    os.rename(partial, target)
