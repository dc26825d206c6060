# SPDX-License-Identifier: Apache-2.0
"""Flink as a peer; the reasons for its settings are in peers/flink/README.md."""
from pathlib import Path

from .engines import MANY_KEYS, Job
from .instance import Instance
from .jvm_peer import JvmPeer

CHECKPOINT_MS = 1000
PARALLELISM = 2
HEAP_MB, HEAP_MB_MANY_KEYS = 512, 3072  # With less it collects garbage all the time.
# What Flink's own configuration passes on Java 17.
EXPORTS = (
    "java.base/sun.net.util", "java.rmi/sun.rmi.registry", "jdk.compiler/com.sun.tools.javac.api",
    "jdk.compiler/com.sun.tools.javac.file", "jdk.compiler/com.sun.tools.javac.parser",
    "jdk.compiler/com.sun.tools.javac.tree", "jdk.compiler/com.sun.tools.javac.util",
    "java.security.jgss/sun.security.krb5")
OPENS = (
    "java.lang", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.lang.reflect", "java.text",
    "java.time", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
    "java.util.concurrent.locks")
GC_FLAGS = ("-XX:+UseParallelGC", "-XX:MaxMetaspaceSize=256m")
MODULE_FLAGS = (*(f"--add-exports={module}=ALL-UNNAMED" for module in EXPORTS),
                *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENS))


class Flink(JvmPeer):
    family = "flink"
    main = "millrace.bench.FlinkPeer"
    # RocksDB allocates in many threads; Flink's images use jemalloc for the same reason.
    environment = {"MALLOC_ARENA_MAX": "2"}

    def __init__(self, build: Path, store: str) -> None:
        super().__init__(build)
        self._store = store
        self.name = f"flink-{store}"
        left_out = {"scale-out"}  # One process; FlinkCluster has more.
        if store == "rocksdb":
            left_out.add("pass-through")  # No state: it would be the same again.
        self.cells = tuple(cell for cell in self.cells if cell not in left_out)

    def flags(self, job: Job) -> tuple[str, ...]:
        many = self._store == "heap" and job.keys >= MANY_KEYS
        heap_mb = HEAP_MB_MANY_KEYS if many else HEAP_MB
        return (f"-Xms{HEAP_MB}m", f"-Xmx{heap_mb}m", *GC_FLAGS, *MODULE_FLAGS)

    def values(self, job: Job, instance: str, parallelism: int) -> dict[str, object]:
        """What every program of the peer is told."""
        return {
            "bootstrap": job.kafka, "input": job.input, "output": job.output,
            "application": job.name, "cell": job.cell, "delivery": "exactly_once",
            "checkpoint_interval_ms": job.commit_ms or CHECKPOINT_MS, "parallelism": parallelism,
            "store": self._store, "state_dir": self.state_folder(job, instance),
            "checkpoint_dir": self._checkpoints(job)}

    @staticmethod
    def _checkpoints(job: Job) -> Path:
        return job.folder / "checkpoints"

    def start(self, job: Job, instance: str = "a") -> Instance:
        values = self.values(job, instance, PARALLELISM)
        if any(self._checkpoints(job).rglob("_metadata")):
            values["restore_from"] = "latest"
        return self.launch(job, instance, values)

    def detection_s(self, job: Job) -> float:
        """It assigns partitions itself: no group has to notice anything."""
        return 0.0

    def settings(self) -> dict[str, str]:
        store = "heap" if self._store == "heap" else "RocksDB on local disk"
        return {
            "delivery": "EXACTLY_ONCE (transactional sink)",
            "commit or checkpoint": f"{CHECKPOINT_MS} ms; latency and recovery with 100 ms, as all",
            "store and its durability": f"{store}, checkpoints retained on local disk, which "
                                        "stands for remote storage and is never lost",
            "replication": "none: one broker",
            "caches": "RocksDB's, in managed memory" if self._store == "rocksdb" else "none",
            "batch and linger": "peers/flink/README.md",
            "threads": f"parallelism {PARALLELISM}, one JVM",
            "heap": f"{HEAP_MB} MB, {' '.join(GC_FLAGS)}" + (
                f"; {HEAP_MB_MANY_KEYS} MB from {MANY_KEYS:,} keys on"
                if self._store == "heap" else ""),
            "left at its default": "peers/flink/README.md names the rest",
        }
