# SPDX-License-Identifier: Apache-2.0
"""Kafka Streams as a peer; the reasons for its settings are in peers/kafka-streams/README.md."""
from .engines import Job
from .instance import Instance
from .jvm_peer import JvmPeer

COMMIT_MS = 1000
THREADS = 2
CACHE_BYTES = 0
HEAP_MB = 512
FLAGS = (f"-Xms{HEAP_MB}m", f"-Xmx{HEAP_MB}m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")


class KafkaStreams(JvmPeer):
    name = family = "kafka-streams"
    main = "millrace.bench.KafkaStreamsPeer"

    def flags(self, job: Job) -> tuple[str, ...]:
        return FLAGS

    def start(self, job: Job, instance: str = "a") -> Instance:
        return self.launch(job, instance, {
            "bootstrap": job.kafka, "input": job.input, "output": job.output,
            "application": job.name, "cell": job.cell, "delivery": "exactly_once",
            "commit_interval_ms": job.commit_ms or COMMIT_MS, "threads": THREADS,
            "store": "rocksdb", "state_dir": self.state_folder(job, instance),
            "cache_bytes": CACHE_BYTES, "session_timeout_ms": job.session_ms,
            "heartbeat_interval_ms": job.heartbeat_ms, "instance": f"{job.name}-{instance}"})

    def detection_s(self, job: Job) -> float:
        """A static member that is restarted gets its partitions back at once."""
        return 0.0

    def settings(self) -> dict[str, str]:
        return {
            "delivery": "exactly_once_v2",
            "commit or checkpoint": f"{COMMIT_MS} ms: more throughput than the default of 100 ms; "
                                    "latency and recovery with 100 ms, as all",
            "store and its durability": "RocksDB on local disk, changelog topic in Kafka",
            "replication": "none: one broker, changelog with one replica, no standby",
            "caches": "RocksDB's own; no record cache, which measured no better",
            "batch and linger": "peers/kafka-streams/README.md",
            "threads": f"{THREADS} stream threads",
            "heap": " ".join(FLAGS),
            "left at its default": "peers/kafka-streams/README.md names the rest",
        }
