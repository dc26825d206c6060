# SPDX-License-Identifier: Apache-2.0
"""A proxy before Redis that kills a process when a command passes."""
import os
import signal
import socket
import threading
from collections.abc import Callable

CHUNK = 1 << 16


class RedisTap:
    """`arm` names the step: `read` and `commit` when such a command comes, before Redis has it;
    `committed` when Redis has answered a commit, before the process has the answer."""

    def __init__(self, port: int) -> None:
        self._redis = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.redis_url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self._lock = threading.Lock()
        self._step, self._victim = "", lambda: 0
        threading.Thread(target=self._serve, daemon=True).start()

    def arm(self, step: str, victim: Callable[[], int]) -> None:
        with self._lock:
            self._step, self._victim = step, victim

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._redis)
            except OSError:
                return
            for work, ends in ((self._requests, (client, server)), (self._replies, (server, client))):
                threading.Thread(target=work, args=ends, daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        def forward(data: bytes) -> bool:
            if b"HMGET" in data and self._kills("read"):
                return False
            if b"EVALSHA" in data:
                if self._kills("commit"):
                    return False
                with self._lock:
                    if self._step == "committed":
                        self._step = "answer"
            server.sendall(data)
            return True
        self._relay(client, server, forward)

    def _replies(self, server: socket.socket, client: socket.socket) -> None:
        def forward(data: bytes) -> bool:
            if self._kills("answer"):
                return False
            client.sendall(data)
            return True
        self._relay(server, client, forward)

    def _kills(self, step: str) -> bool:
        with self._lock:
            if self._step != step:
                return False
            self._step = ""
            os.kill(self._victim(), signal.SIGKILL)
            return True

    @staticmethod
    def _relay(source: socket.socket, other: socket.socket,
               forward: Callable[[bytes], bool]) -> None:
        try:
            while data := source.recv(CHUNK):
                if not forward(data):
                    break
        except OSError:
            pass
        try:
            other.shutdown(socket.SHUT_RDWR)  # Ends the relay of the other direction.
        except OSError:
            pass
        source.close()
