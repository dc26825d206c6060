# SPDX-License-Identifier: Apache-2.0
"""One redis-server whose data survives a stop: append-only file, synced every second."""
import socket
from pathlib import Path

ANSWER_TIMEOUT_S = 2.0

SETTINGS = """\
bind 127.0.0.1
protected-mode yes
daemonize no
appendonly yes
appendfsync everysec
save ""
auto-aof-rewrite-min-size 512mb
maxmemory-policy noeviction
loglevel notice
"""


class RedisServer:
    name = "redis"

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder / self.name
        self.port = port
        self._log = folder / "logs" / "redis.log"

    def configure(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self._file().write_text(f'{SETTINGS}port {self.port}\ndir "{self.folder}"\n'
                                f'logfile "{self._log}"\n')

    def _file(self) -> Path:
        return self.folder / "redis.conf"

    def command(self) -> list[str]:
        return ["redis-server", str(self._file())]

    def answers(self) -> bool:
        """Whether it serves clients; while it loads its file it does not."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), ANSWER_TIMEOUT_S) as client:
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False
