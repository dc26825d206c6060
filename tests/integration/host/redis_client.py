# SPDX-License-Identifier: Apache-2.0
"""As much of a Redis client as the tests need: commands one by one, replies as Python values."""
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

TIMEOUT_S = 10.0


class RedisError(Exception):
    pass


class Redis:
    """One connection, made for the first command and again after a failure."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._stream = None

    def close(self) -> None:
        if self._stream:
            self._stream.close()
            self._stream = None

    def command(self, *words: str | int):
        """Sends one command; bytes of the reply are text. RedisError: what Redis answered."""
        return self.commands([words])[0]

    def commands(self, many: list[tuple], raw: bool = False) -> list:
        if self._stream:
            try:
                return self._exchange(many, raw)
            except OSError:  # Stopped and started since; the commands of tests may be repeated.
                self.close()
        with socket.create_connection(self._address, TIMEOUT_S) as connection:
            self._stream = connection.makefile("rwb")
        return self._exchange(many, raw)

    def _exchange(self, many: list[tuple], raw: bool) -> list:
        self._stream.write(b"".join(_encode(words) for words in many))
        self._stream.flush()
        return [self._reply(raw) for _ in many]

    def transaction(self, many: list[tuple]) -> list:
        """The replies to the commands in one MULTI, with texts as bytes."""
        return self.commands([("MULTI",), *many, ("EXEC",)], raw=True)[-1]

    def hash_scan(self, key: str) -> Iterator[tuple[str, str]]:
        """Every field and value, page by page; the hash must not change meanwhile."""
        cursor = "0"
        while True:
            cursor, cells = self.command("HSCAN", key, cursor, "COUNT", 1000)
            yield from zip(cells[::2], cells[1::2], strict=True)
            if cursor == "0":
                return

    def _reply(self, raw: bool):
        line = self._stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if rest == "-1":
                return None
            text = self._stream.read(int(rest) + 2)[:-2]
            return text if raw else text.decode()
        return [self._reply(raw) for _ in range(int(rest))]


def _encode(words: tuple) -> bytes:
    encoded = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)
