# SPDX-License-Identifier: Apache-2.0
"""What the tests ask of a broker: is it there, make a topic, describe a group, where topics end.

Each call opens its own connections, so it survives any stop and start of the brokers between
calls, and takes milliseconds.
"""
import dataclasses
import time
from collections.abc import Callable

from .errors import StackError
from .kafka_wire import Connection, Reader, Writer, stored_records

FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 1, 2, 3, 8, 9, 10
DESCRIBE_GROUPS, CREATE_TOPICS, DELETE_TOPICS, DELETE_RECORDS = 15, 19, 20, 21
CREATE_PARTITIONS = 37

NO_ERROR, NOT_LEADER, COORDINATOR_LOADING, COORDINATOR_UNAVAILABLE = 0, 6, 14, 15
NOT_COORDINATOR, TOPIC_EXISTS = 16, 36
PASSING_ERRORS = {NOT_LEADER, COORDINATOR_LOADING, COORDINATOR_UNAVAILABLE, NOT_COORDINATOR}

CALL_TIMEOUT_S = 10.0
RETRY_INTERVAL_S = 0.05
FETCH_BYTES_MAX = 8 << 20
FIRST_WINDOW_RECORDS = 2000
EARLIEST, LATEST = -2, -1
READ_UNCOMMITTED, READ_COMMITTED = 0, 1
GROUP_COORDINATOR, TRANSACTION_COORDINATOR = 0, 1
OFFSETS_TOPIC = "__consumer_offsets"
GROUP_METADATA_KEY_VERSION = 2
FIRST_COMPACT_VALUE_VERSION = 4


class PassingError(StackError):
    """The broker is not ready for this yet; the same call may succeed in a moment."""


@dataclasses.dataclass(frozen=True)
class Metadata:
    brokers: dict[int, tuple[str, int]]
    topics: dict[str, dict[int, int]]  # Topic -> partition -> leader (-1: none now).


class KafkaAdmin:
    def __init__(self, bootstrap: list[int]) -> None:
        """`bootstrap`: ports on 127.0.0.1, tried in turn."""
        self._ports = bootstrap

    def metadata(self) -> Metadata:
        failure: Exception | None = None
        for port in self._ports:
            try:
                with self._connect(("127.0.0.1", port)) as broker:
                    return _read_metadata(broker)
            except OSError as error:
                failure = error
        raise StackError(f"no broker answers on 127.0.0.1 ports {self._ports}: {failure}")

    def create_topic(self, name: str, partitions: int) -> None:
        """Makes the topic or finds it as wanted; returns when every partition has a leader."""
        metadata = self.metadata()
        if name not in metadata.topics:
            with self._connect(next(iter(metadata.brokers.values()))) as broker:
                _create_topic(broker, name, partitions)
        self._retry(lambda: self._check_topic(name, partitions))

    def _check_topic(self, name: str, partitions: int) -> None:
        leaders = self.metadata().topics.get(name, {})
        if not leaders or min(leaders.values()) < 0:
            raise PassingError(f"topic {name} has partitions without a leader")
        if len(leaders) != partitions:
            raise StackError(f"topic {name} exists with {len(leaders)} partitions, not "
                             f"{partitions}; use another name")

    def check_all_led(self) -> None:
        """Fails unless every partition has a leader and both kinds of coordinators answer."""
        for name, leaders in self.metadata().topics.items():
            if min(leaders.values(), default=0) < 0:
                raise PassingError(f"topic {name} has partitions without a leader")
        for kind in (GROUP_COORDINATOR, TRANSACTION_COORDINATOR):
            self._find_coordinator("stack-readiness", kind)

    def end_offsets(self, topic: str, committed: bool = False) -> dict[int, int]:
        """Per partition the offset that the next record gets; `committed`: the first offset that
        readers of committed records do not get to, because a transaction there is open."""
        isolation = READ_COMMITTED if committed else READ_UNCOMMITTED
        return self._retry(lambda: self._list_offsets(self.metadata(), topic, LATEST, isolation))

    def delete_topic(self, name: str) -> None:
        with self._connect(next(iter(self.metadata().brokers.values()))) as broker:
            _delete_topic(broker, name)

    def describe_group(self, group: str) -> dict:
        """State, members and committed offsets of a classic group; see README.md for the form."""
        return self._retry(lambda: self._describe_group_once(group))

    def committed_offsets(self, group: str) -> dict[str, dict[str, int]]:
        """Topic -> partition -> offset, as `offsets` of describe_group, in a few milliseconds."""
        return self._retry(lambda: self._committed_offsets_once(group))

    def commit_offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Moves an offset of a group without members, as by hand."""
        with self._connect(self._find_coordinator(group, GROUP_COORDINATOR)) as coordinator:
            _commit_offset(coordinator, group, topic, partition, offset)

    def grow_topic(self, name: str, partitions: int) -> None:
        """Adds partitions; returns when every one has a leader."""
        with self._connect(next(iter(self.metadata().brokers.values()))) as broker:
            _create_partitions(broker, name, partitions)
        self._retry(lambda: self._check_topic(name, partitions))

    def delete_records(self, topic: str, partition: int, below: int) -> None:
        """As retention does: the partition begins at that offset."""
        metadata = self.metadata()
        with self._connect(metadata.brokers[metadata.topics[topic][partition]]) as leader:
            _delete_records(leader, topic, partition, below)

    def _committed_offsets_once(self, group: str) -> dict[str, dict[str, int]]:
        with self._connect(self._find_coordinator(group, GROUP_COORDINATOR)) as coordinator:
            return _committed_offsets(coordinator, group)

    def _describe_group_once(self, group: str) -> dict:
        with self._connect(self._find_coordinator(group, GROUP_COORDINATOR)) as coordinator:
            state, members = _describe_group(coordinator, group)
            offsets = _committed_offsets(coordinator, group)
        return {"group": group, "state": state, "generation": self._group_generation(group),
                "members": members, "offsets": offsets}

    def _group_generation(self, group: str) -> int | None:
        """From the newest group record: the describe call has no generation in its reply.

        Searches from the log's end backwards in growing windows: most of the log are offsets.
        """
        metadata = self.metadata()
        leaders = metadata.topics.get(OFFSETS_TOPIC)
        if not leaders:
            return None
        partition = _java_hash(group) % len(leaders)
        only = {OFFSETS_TOPIC: {partition: leaders[partition]}}
        narrowed = Metadata(metadata.brokers, only)
        start = self._list_offsets(narrowed, OFFSETS_TOPIC, EARLIEST)[partition]
        end = self._list_offsets(narrowed, OFFSETS_TOPIC, LATEST)[partition]
        window, searched_from = FIRST_WINDOW_RECORDS, end
        with self._connect(metadata.brokers[leaders[partition]]) as leader:
            while searched_from > start:
                first = max(start, end - window)
                found, generation = _newest_generation(leader, partition, group,
                                                       (first, searched_from))
                if found:
                    return generation
                searched_from, window = first, window * 8
        return None

    def _list_offsets(self, metadata: Metadata, topic: str, which: int,
                      isolation: int = READ_UNCOMMITTED) -> dict[int, int]:
        if topic not in metadata.topics:
            raise StackError(f"topic {topic} does not exist; make it with `stack topic`")
        by_leader: dict[int, list[int]] = {}
        for partition, leader in metadata.topics[topic].items():
            by_leader.setdefault(leader, []).append(partition)
        offsets: dict[int, int] = {}
        for leader, partitions in by_leader.items():
            if leader not in metadata.brokers:
                raise PassingError(f"topic {topic} has partitions without a leader: {partitions}")
            with self._connect(metadata.brokers[leader]) as broker:
                offsets.update(_list_offsets(broker, topic, partitions, which, isolation))
        return dict(sorted(offsets.items()))

    def _find_coordinator(self, key: str, kind: int) -> tuple[str, int]:
        brokers = self.metadata().brokers
        if not brokers:
            raise PassingError("no broker is registered yet")
        with self._connect(next(iter(brokers.values()))) as broker:
            reply = broker.call(FIND_COORDINATOR, 1, Writer().string(key).int8(kind))
        reply.int32()
        _check(reply.int16(), f"looking for the coordinator of {key}")
        reply.string()
        reply.int32()
        return reply.string(), reply.int32()

    def _connect(self, address: tuple[str, int]) -> Connection:
        return Connection(*address, CALL_TIMEOUT_S)

    def _retry(self, call: Callable[[], object]):
        deadline = time.monotonic() + CALL_TIMEOUT_S
        while True:
            try:
                return call()
            except PassingError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_INTERVAL_S)


def _check(error: int, action: str) -> None:
    if error in PASSING_ERRORS:
        raise PassingError(f"Kafka is not ready yet: error {error} {action}")
    if error != NO_ERROR:
        raise StackError(f"Kafka answers error {error} {action}")


def _read_metadata(broker: Connection) -> Metadata:
    reply = broker.call(METADATA, 4, Writer().int32(-1).int8(0))
    reply.int32()
    nodes = reply.array(lambda r: (r.int32(), (r.string(), r.int32()), r.string()))
    reply.string()
    reply.int32()

    def partition(r: Reader) -> tuple[int, int]:
        r.int16()
        index, leader = r.int32(), r.int32()
        r.array(Reader.int32)
        r.array(Reader.int32)
        return index, leader

    def topic(r: Reader) -> tuple[str, dict[int, int]]:
        r.int16()
        name = r.string()
        r.int8()
        return name, dict(sorted(r.array(partition)))

    return Metadata({node: address for node, address, _ in nodes}, dict(reply.array(topic)))


def _create_topic(broker: Connection, name: str, partitions: int) -> None:
    body = Writer().int32(1).string(name).int32(partitions).int16(1).int32(0).int32(0)
    reply = broker.call(CREATE_TOPICS, 4, body.int32(int(CALL_TIMEOUT_S * 1000)).int8(0))
    reply.int32()
    reply.int32()
    reply.string()
    error, reason = reply.int16(), reply.string()
    if error not in (NO_ERROR, TOPIC_EXISTS):
        raise StackError(f"Kafka refuses topic {name}: {reason or f'error {error}'}")


def _delete_topic(broker: Connection, name: str) -> None:
    body = Writer().int32(1).string(name).int32(int(CALL_TIMEOUT_S * 1000))
    reply = broker.call(DELETE_TOPICS, 1, body)
    reply.int32()
    reply.array(lambda r: (r.string(), _check(r.int16(), f"deleting topic {name}")))


def _describe_group(coordinator: Connection, group: str) -> tuple[str, list[dict]]:
    reply = coordinator.call(DESCRIBE_GROUPS, 4, Writer().int32(1).string(group).int8(0))
    reply.int32()
    reply.int32()
    _check(reply.int16(), f"describing group {group}")
    reply.string()
    state = reply.string()
    reply.string()
    reply.string()
    return state, sorted(reply.array(_read_member), key=lambda m: (m["client_id"], m["id"]))


def _read_member(reply: Reader) -> dict:
    member = {"id": reply.string()}
    reply.string()
    member.update(client_id=reply.string(), host=reply.string())
    reply.sized_bytes()
    member["partitions"] = _assigned_partitions(reply.sized_bytes())
    return member


def _assigned_partitions(assignment: bytes) -> list[str]:
    if not assignment:
        return []
    reader = Reader(assignment)
    reader.int16()
    topics = reader.array(lambda r: (r.string(), r.array(Reader.int32)))
    return [f"{topic}/{partition}"
            for topic, partitions in sorted(topics) for partition in sorted(partitions)]


def _committed_offsets(coordinator: Connection, group: str) -> dict[str, dict[str, int]]:
    reply = coordinator.call(OFFSET_FETCH, 5, Writer().string(group).int32(-1))
    reply.int32()

    def partition(r: Reader) -> tuple[int, int]:
        index, offset = r.int32(), r.int64()
        r.int32()
        r.string()
        _check(r.int16(), f"reading offsets of group {group}")
        return index, offset

    topics = reply.array(lambda r: (r.string(), r.array(partition)))
    _check(reply.int16(), f"reading offsets of group {group}")
    return {topic: {str(index): offset for index, offset in sorted(partitions)}
            for topic, partitions in sorted(topics)}


def _commit_offset(coordinator: Connection, group: str, topic: str, partition: int,
                   offset: int) -> None:
    no_generation, no_member, default_retention = -1, "", -1
    reply = coordinator.call(
        OFFSET_COMMIT, 2,
        Writer().string(group).int32(no_generation).string(no_member).int64(default_retention)
        .int32(1).string(topic).int32(1).int32(partition).int64(offset).string(""))
    reply.array(lambda r: (r.string(), r.array(
        lambda p: (p.int32(), _check(p.int16(), f"committing an offset of group {group}")))))


def _delete_records(leader: Connection, topic: str, partition: int, below: int) -> None:
    body = Writer().int32(1).string(topic).int32(1).int32(partition).int64(below)
    reply = leader.call(DELETE_RECORDS, 1, body.int32(int(CALL_TIMEOUT_S * 1000)))
    reply.int32()
    reply.array(lambda r: (r.string(), r.array(
        lambda p: (p.int32(), p.int64(), _check(p.int16(), f"deleting records of {topic}")))))


def _create_partitions(broker: Connection, name: str, partitions: int) -> None:
    placed_by_broker = -1
    body = Writer().int32(1).string(name).int32(partitions).int32(placed_by_broker)
    reply = broker.call(CREATE_PARTITIONS, 1, body.int32(int(CALL_TIMEOUT_S * 1000)).int8(0))
    reply.int32()
    reply.array(lambda r: (r.string(), _check(r.int16(), f"adding partitions to {name}"),
                           r.string()))


def _list_offsets(broker: Connection, topic: str, partitions: list[int], which: int,
                  isolation: int) -> dict[int, int]:
    body = Writer().int32(-1).int8(isolation).int32(1).string(topic).int32(len(partitions))
    for partition in partitions:
        body.int32(partition).int64(which)
    reply = broker.call(LIST_OFFSETS, 2, body)
    reply.int32()

    def answer(r: Reader) -> tuple[int, int]:
        partition = r.int32()
        _check(r.int16(), f"listing offsets of {topic}/{partition}")
        r.int64()
        return partition, r.int64()

    return dict(reply.array(lambda r: (r.string(), r.array(answer)))[0][1])


def _fetch(leader: Connection, partition: int, offset: int) -> bytes:
    body = Writer().int32(-1).int32(0).int32(0).int32(FETCH_BYTES_MAX).int8(0)
    body.int32(1).string(OFFSETS_TOPIC).int32(1)
    reply = leader.call(FETCH, 4, body.int32(partition).int64(offset).int32(FETCH_BYTES_MAX))
    reply.take(8)  # Throttle time, count of topics.
    reply.string()
    reply.take(8)  # Count of partitions, partition.
    _check(reply.int16(), f"reading {OFFSETS_TOPIC}/{partition} at offset {offset}")
    reply.take(16)  # High watermark, last stable offset.
    reply.array(lambda r: r.take(16))
    return reply.sized_bytes()


def _newest_generation(leader: Connection, partition: int, group: str,
                       window: tuple[int, int]) -> tuple[bool, int | None]:
    """Whether a record of the group lies in [first, end), and the generation in the newest.

    Group records are never transactional, so nothing that may yet be aborted is believed.
    """
    at, end = window
    found, generation = False, None
    while at < end:
        records, next_offset = stored_records(_fetch(leader, partition, at))
        for record in records:
            if record.offset < end and not record.is_transactional and _names(record.key, group):
                found, generation = True, _generation_in(record.value)
        if next_offset is None:
            break
        at = next_offset
    return found, generation


def _names(key: bytes | None, group: str) -> bool:
    wanted = Writer().int16(GROUP_METADATA_KEY_VERSION).string(group).content()
    return key == wanted


def _generation_in(value: bytes | None) -> int | None:
    if value is None:
        return None
    reader = Reader(value)
    if reader.int16() < FIRST_COMPACT_VALUE_VERSION:
        reader.string()
    else:
        reader.take(reader.take(1)[0] - 1)  # Protocol type, far shorter than 127 bytes.
    return reader.int32()


def _java_hash(text: str) -> int:
    """java.lang.String.hashCode() with its sign dropped: how Kafka places a group."""
    value = 0
    units = text.encode("utf-16-be")
    for at in range(0, len(units), 2):
        value = (31 * value + int.from_bytes(units[at:at + 2], "big")) & 0xFFFFFFFF
    return value & 0x7FFFFFFF
