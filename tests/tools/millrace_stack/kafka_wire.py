# SPDX-License-Identifier: Apache-2.0
"""Kafka's wire format, as far as kafka_admin needs it: primitives, framing, record batches.

Only protocol versions before the compact ("flexible") encodings are used; brokers 2.4 to 4.x
speak all of them.
"""
import dataclasses
import socket
import struct
from collections.abc import Callable, Iterator

from .errors import StackError

CLIENT_ID = "millrace-stack"
REPLY_BYTES_MAX = 64 << 20
TRANSACTIONAL = 0x10
CONTROL = 0x20
COMPRESSION_MASK = 0x07
BATCH_PREFIX_BYTES = 12


class Writer:
    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def _pack(self, form: str, value: int) -> "Writer":
        self._parts.append(struct.pack(">" + form, value))
        return self

    def int8(self, value: int) -> "Writer":
        return self._pack("b", value)

    def int16(self, value: int) -> "Writer":
        return self._pack("h", value)

    def int32(self, value: int) -> "Writer":
        return self._pack("i", value)

    def int64(self, value: int) -> "Writer":
        return self._pack("q", value)

    def string(self, value: str) -> "Writer":
        encoded = value.encode()
        self.int16(len(encoded))
        self._parts.append(encoded)
        return self

    def sized_bytes(self, value: bytes) -> "Writer":
        self.int32(len(value))
        self._parts.append(value)
        return self

    def content(self) -> bytes:
        return b"".join(self._parts)


class Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count < 0 or count > self.left():
            raise StackError(f"a Kafka message ends after {len(self._data)} bytes, too early")
        self._at += count
        return self._data[self._at - count:self._at]

    def _unpack(self, form: str, size: int) -> int:
        return struct.unpack(">" + form, self.take(size))[0]

    def int8(self) -> int:
        return self._unpack("b", 1)

    def int16(self) -> int:
        return self._unpack("h", 2)

    def int32(self) -> int:
        return self._unpack("i", 4)

    def int64(self) -> int:
        return self._unpack("q", 8)

    def string(self) -> str | None:
        size = self.int16()
        return None if size < 0 else self.take(size).decode()

    def sized_bytes(self) -> bytes:
        size = self.int32()
        return b"" if size < 0 else self.take(size)

    def array(self, element: Callable[["Reader"], object]) -> list:
        return [element(self) for _ in range(self.int32())]

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return (value >> 1) ^ -(value & 1)

    def varint_bytes(self) -> bytes | None:
        size = self.varint()
        return None if size < 0 else self.take(size)


class Connection:
    """One blocking connection to one broker; every failure is an OSError or a StackError."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._socket = socket.create_connection((host, port), timeout_s)
        self._address = f"{host}:{port}"
        self._correlation = 0

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def call(self, api: int, version: int, body: Writer) -> Reader:
        self._correlation += 1
        header = Writer().int16(api).int16(version).int32(self._correlation).string(CLIENT_ID)
        message = header.content() + body.content()
        self._socket.sendall(struct.pack(">i", len(message)) + message)
        size = struct.unpack(">i", self._receive(4))[0]
        if not 4 <= size <= REPLY_BYTES_MAX:
            raise StackError(f"{self._address} answered with {size} bytes; is it a Kafka broker?")
        reply = Reader(self._receive(size))
        if reply.int32() != self._correlation:
            raise StackError(f"{self._address} answered another request; is it a Kafka broker?")
        return reply

    def _receive(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            chunk = self._socket.recv(count - len(received))
            if not chunk:
                raise ConnectionResetError(f"{self._address} closed the connection")
            received += chunk
        return bytes(received)


@dataclasses.dataclass(frozen=True)
class StoredRecord:
    offset: int
    is_transactional: bool
    key: bytes | None
    value: bytes | None


def stored_records(data: bytes) -> tuple[list[StoredRecord], int | None]:
    """The records of a fetch reply, and the offset after its last whole batch (None: no batch).

    Control records are left out; a batch that the reply cuts off counts as not there.
    """
    records: list[StoredRecord] = []
    next_offset = None
    batches = Reader(data)
    while batches.left() >= BATCH_PREFIX_BYTES:
        base_offset, size = batches.int64(), batches.int32()
        if batches.left() < size:
            break
        batch = Reader(batches.take(size))
        batch.take(9)  # Leader epoch, magic, CRC.
        attributes = batch.int16()
        next_offset = base_offset + batch.int32() + 1
        if not attributes & CONTROL:
            records.extend(_records_of_batch(base_offset, attributes, batch))
    return records, next_offset


def _records_of_batch(base_offset: int, attributes: int, batch: Reader) -> Iterator[StoredRecord]:
    if attributes & COMPRESSION_MASK:
        raise StackError("a compressed batch; stack reads the uncompressed __consumer_offsets only")
    batch.take(30)  # Timestamps, producer id, epoch and sequence.
    for _ in range(batch.int32()):
        record = Reader(batch.take(batch.varint()))
        record.int8()
        record.varint()
        offset = base_offset + record.varint()
        yield StoredRecord(offset, bool(attributes & TRANSACTIONAL), record.varint_bytes(),
                           record.varint_bytes())
