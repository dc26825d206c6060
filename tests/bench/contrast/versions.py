# SPDX-License-Identifier: Apache-2.0
"""What exactly is compared."""
import re
import subprocess
from pathlib import Path

from .peers import SOURCES

POMS = {"Kafka Streams": ("kafka-streams", "kafka.version"), "Flink": ("flink", "flink.version"),
        "Flink's Kafka connector": ("flink", "connector.version")}


def versions() -> dict[str, str]:
    found = {"millrace": _millrace(),
             "Redis": _first_line(["redis-server", "--version"]),
             "Java": _first_line(["java", "-version"]), "Kafka": _broker()}
    for name, (peer, what) in POMS.items():
        found[name] = _property((SOURCES / peer / "pom.xml").read_text(), what)
    return found


def _millrace() -> str:
    root = SOURCES.parents[2]
    release = re.search(r"project\(millrace VERSION (\S+)", (root / "CMakeLists.txt").read_text())
    commit = _first_line(["git", "-C", str(root), "rev-parse", "--short", "HEAD"])
    return f"{release.group(1) if release else 'unknown'} at {commit}"


def _broker() -> str:
    pom = SOURCES.parents[1] / "tools/kafka/pom.xml"
    return _property(pom.read_text(), "kafka.version")


def _property(pom: str, name: str) -> str:
    match = re.search(rf"<{re.escape(name)}>(.*?)</", pom)
    return match.group(1) if match else "unknown"


def _first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return "not installed"
    return (done.stdout + done.stderr).strip().split("\n", 1)[0]
