# SPDX-License-Identifier: Apache-2.0
"""One Kafka broker: its settings, its storage and its command line.

Node 1 is broker and controller, every other node a broker that registers with it.
"""
import base64
import subprocess
import uuid
from pathlib import Path

from .errors import StackError
from .kafka_admin import KafkaAdmin

LOG4J = Path(__file__).resolve().parent.parent / "kafka" / "log4j2.xml"
TOOL_FLAGS = ["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
BROKER_FLAGS = ["-Xms256m", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError"]

# What the tests rely on, and the reasons; README.md says what a user's broker has instead.
SETTINGS = """\
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
# Real input has timestamps of years ago; nothing of it may expire.
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=33554432
# A broker that was killed may register again at once.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


def new_cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


class KafkaBroker:
    def __init__(self, folder: Path, node: int, ports: dict[str, int]) -> None:
        """`ports`: by service name, and `controller`."""
        self.name = f"kafka-{node}"
        self.folder = folder / self.name
        self.port = ports[self.name]
        self._node = node
        self._controller_port = ports["controller"]
        self._log = folder / "logs" / f"{self.name}.log"

    def configure(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self._properties().write_text(self._roles() + self._listeners() + SETTINGS +
                                      f"log.dirs={self.folder / 'data'}\n")

    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _roles(self) -> str:
        roles = "broker,controller" if self._node == 1 else "broker"
        return (f"process.roles={roles}\nnode.id={self._node}\n"
                f"controller.quorum.voters=1@127.0.0.1:{self._controller_port}\n"
                "controller.listener.names=CONTROLLER\n")

    def _listeners(self) -> str:
        own = f"PLAINTEXT://127.0.0.1:{self.port}"
        controller = f",CONTROLLER://127.0.0.1:{self._controller_port}" if self._node == 1 else ""
        return (f"listeners={own}{controller}\nadvertised.listeners={own}\n"
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n")

    def begin_format(self, jars: Path, cluster_id: str) -> subprocess.Popen:
        """Starts the storage tool; several brokers format at the same time."""
        command = ["java", *TOOL_FLAGS, *self._common(jars), "kafka.tools.StorageTool", "format",
                   f"--cluster-id={cluster_id}", "--config", str(self._properties())]
        try:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)
        except FileNotFoundError:
            raise StackError("java is not installed; script/bootstrap installs it") from None

    def end_format(self, tool: subprocess.Popen) -> None:
        output, _ = tool.communicate()
        if tool.returncode != 0:
            raise StackError(f"{self.name}: the storage tool failed (exit {tool.returncode}):\n"
                             f"{output}")

    def command(self, jars: Path) -> list[str]:
        return ["java", *BROKER_FLAGS, *self._common(jars), "kafka.Kafka", str(self._properties())]

    def _common(self, jars: Path) -> list[str]:
        return [f"-Dlog4j2.configurationFile={LOG4J}", f"-Dstack.log={self._log}",
                "-cp", f"{jars}/*"]

    def answers(self) -> bool:
        """Whether it serves clients, and is known to the cluster as a living broker."""
        try:
            return self._node in KafkaAdmin([self.port]).metadata().brokers
        except (StackError, OSError):
            return False
