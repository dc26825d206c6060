# SPDX-License-Identifier: Apache-2.0
"""Records in and out of a broker, byte for byte: null, empty and headers stay what they are.

Speaks to a real broker as well as to the embedded one of `millrace dev`.
"""
import dataclasses
import struct
import sys
import time
import zlib
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "tools"),
                str(Path(__file__).resolve().parents[1] / "host")]
from millrace_stack.kafka_wire import Connection, Reader, Writer  # noqa: E402

PRODUCE, FETCH, LIST_OFFSETS, METADATA, CREATE_TOPICS = 0, 1, 2, 3, 19
TIMEOUT_S = 10.0
FETCH_BYTES_MAX = 8 << 20
FRAME_BYTES = 61  # Of a record batch, before its records.
NO_ERROR, TOPIC_EXISTS = 0, 36
LATEST = -1


class KafkaError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Record:
    key: bytes | None
    value: bytes | None
    headers: tuple = ()
    timestamp_ms: int = 0
    partition: int = -1
    offset: int = -1

    def header(self, name: str) -> bytes | None:
        return dict(self.headers).get(name)


def crc32_partition(key: bytes, partitions: int) -> int:
    """Where kcat puts a key; Java's clients use another function."""
    return zlib.crc32(key) % partitions


class Kafka:
    """One connection to one broker, made for the first call and again after a failure."""

    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.split(",")[0].rpartition(":")
        self._address = (host, int(port))
        self._connections: dict[tuple, Connection] = {}

    def close(self) -> None:
        for connection in self._connections.values():
            connection.__exit__()
        self._connections.clear()

    def create_topic(self, name: str, partitions: int, **config: object) -> None:
        """`config`: topic settings, `_` for `.` in their names."""
        body = Writer().int32(1).string(name).int32(partitions).int16(1).int32(0)
        body.int32(len(config))
        for key, value in config.items():
            body.string(key.replace("_", ".")).string(str(value))
        body.int32(int(TIMEOUT_S * 1000)).int8(0)
        reply = self._call(self._address, CREATE_TOPICS, 4, body)
        reply.take(8)
        reply.string()
        error, reason = reply.int16(), reply.string()
        if error not in (NO_ERROR, TOPIC_EXISTS):
            raise KafkaError(f"Kafka refuses topic {name}: {reason or error}")
        deadline = time.monotonic() + TIMEOUT_S
        while not self._is_led(name, partitions):
            if time.monotonic() > deadline:
                raise KafkaError(f"topic {name} has partitions without a leader")

    def _is_led(self, topic: str, partitions: int) -> bool:
        try:
            return len(self.ends(topic)) == partitions
        except KafkaError:  # The leader does not know yet that it is one.
            return False

    def produce(self, topic: str, partition: int, records: list[Record]) -> int:
        """Returns the offset of the first, once the broker has them all."""
        batch = _encode_batch(records)
        # No transaction; acknowledged by all.
        body = Writer().int16(-1).int16(-1).int32(int(TIMEOUT_S * 1000))
        body.int32(1).string(topic).int32(1).int32(partition).sized_bytes(batch)
        reply = self._call(self._leaders(topic)[partition], PRODUCE, 3, body)
        reply.int32()
        reply.string()
        reply.take(8)
        error, offset = reply.int16(), reply.int64()
        if error:
            raise KafkaError(f"Kafka answers error {error} producing to {topic}/{partition}")
        return offset

    def ends(self, topic: str) -> dict[int, int]:
        found = {}
        for partition, leader in sorted(self._leaders(topic).items()):
            body = Writer().int32(-1).int8(0).int32(1).string(topic)
            reply = self._call(leader, LIST_OFFSETS, 2,
                               body.int32(1).int32(partition).int64(LATEST))
            reply.take(8)
            reply.string()
            reply.take(8)
            if error := reply.int16():
                raise KafkaError(f"Kafka answers error {error} listing {topic}/{partition}")
            reply.int64()
            found[partition] = reply.int64()
        return found

    def read(self, topic: str) -> list[Record]:
        """All that is there now, partition by partition."""
        return [record for partition, end in self.ends(topic).items()
                for record in self._read_partition(topic, partition, end)]

    def _read_partition(self, topic: str, partition: int, end: int) -> list[Record]:
        records: list[Record] = []
        at = 0
        while at < end:
            data = self._fetch(topic, partition, at)
            found = [r for r in _decode_batches(data, partition) if r.offset >= at]
            if not found:
                raise KafkaError(f"{topic}/{partition} gives nothing at offset {at}")
            records += found
            at = found[-1].offset + 1
        return [record for record in records if record.offset < end]

    def _fetch(self, topic: str, partition: int, offset: int) -> bytes:
        body = Writer().int32(-1).int32(1000).int32(1).int32(FETCH_BYTES_MAX).int8(0)
        body.int32(1).string(topic).int32(1)
        body.int32(partition).int64(offset).int32(FETCH_BYTES_MAX)
        reply = self._call(self._leaders(topic)[partition], FETCH, 4, body)
        reply.take(8)
        reply.string()
        reply.take(8)
        if error := reply.int16():
            raise KafkaError(f"Kafka answers error {error} reading {topic}/{partition}@{offset}")
        reply.take(16)
        reply.array(lambda r: r.take(16))
        return reply.sized_bytes()

    def _leaders(self, topic: str) -> dict[int, tuple]:
        reply = self._call(self._address, METADATA, 1, Writer().int32(1).string(topic))
        brokers = {node: address for node, address, _ in reply.array(
            lambda r: (r.int32(), (r.string(), r.int32()), r.string()))}
        reply.take(8)
        error = reply.int16()
        reply.string()
        reply.int8()

        def partition(r: Reader) -> tuple[int, int]:
            r.int16()
            index, leader = r.int32(), r.int32()
            r.array(Reader.int32)
            r.array(Reader.int32)
            return index, leader

        leaders = dict(reply.array(partition))
        return {} if error else {p: brokers[node] for p, node in leaders.items() if node in brokers}

    def _call(self, address: tuple, api: int, version: int, body: Writer) -> Reader:
        if known := self._connections.get(address):
            try:
                return known.call(api, version, body)
            except ConnectionError:  # The broker was stopped and started since.
                self._connections.pop(address).__exit__()
        connection = self._connections[address] = Connection(*address, TIMEOUT_S)
        return connection.call(api, version, body)


def _varint(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _nullable(data: bytes | None) -> bytes:
    return _varint(-1) if data is None else _varint(len(data)) + data


def _encode_record(index: int, delta_ms: int, record: Record) -> bytes:
    body = b"\0" + _varint(delta_ms) + _varint(index)
    body += _nullable(record.key) + _nullable(record.value) + _varint(len(record.headers))
    for name, value in record.headers:
        body += _nullable(name.encode()) + _nullable(value)
    return _varint(len(body)) + body


def _encode_batch(records: list[Record]) -> bytes:
    now = int(time.time() * 1000)
    times = [record.timestamp_ms or now for record in records]
    body = b"".join(_encode_record(i, times[i] - times[0], r) for i, r in enumerate(records))
    checked = struct.pack(">hiqqqhii", 0, len(records) - 1, times[0], max(times), -1, -1, -1,
                          len(records)) + body
    return struct.pack(">qiibI", 0, len(checked) + 9, -1, 2, _crc32c(checked)) + checked


def _decode_batches(data: bytes, partition: int) -> list[Record]:
    records: list[Record] = []
    batches = Reader(data)
    while batches.left() >= FRAME_BYTES:
        base_offset, size = batches.int64(), batches.int32()
        if batches.left() < size:
            break
        batch = Reader(batches.take(size))
        batch.take(9)
        attributes = batch.int16()
        if attributes & 0x27:
            raise KafkaError("a compressed or control batch; neither is expected here")
        batch.take(4)
        first_ms = batch.int64()
        batch.take(22)
        for _ in range(batch.int32()):
            records.append(_decode_record(Reader(batch.take(batch.varint())), base_offset,
                                          first_ms, partition))
    return records


def _decode_record(reader: Reader, base_offset: int, first_ms: int, partition: int) -> Record:
    reader.int8()
    timestamp_ms, offset = first_ms + reader.varint(), base_offset + reader.varint()
    key, value = reader.varint_bytes(), reader.varint_bytes()
    headers = tuple((reader.varint_bytes().decode(), reader.varint_bytes())
                    for _ in range(reader.varint()))
    return Record(key, value, headers, timestamp_ms, partition, offset)


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC_TABLE = _crc_table()


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
