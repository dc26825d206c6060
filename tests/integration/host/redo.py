# SPDX-License-Identifier: Apache-2.0
"""State as docs/state-layout.md says to read it: the fields with the task's redo laid over them."""
from collections.abc import Iterator

from redis_client import Redis


def committed(redis: Redis, task: str, state: str) -> dict[bytes, bytes]:
    """The values of a state of one task, as of one moment."""
    entries, fields = redis.transaction([("HGETALL", f"{task}:r"),
                                         ("HGETALL", f"{task}:s:{state}")])
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    by_seq = dict(zip(map(int, entries[::2]), entries[1::2], strict=True))
    for seq in sorted(by_seq):
        for name, key, value in cells(by_seq[seq]):
            if name != state.encode():
                continue
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
    return values


def cells(entry: bytes) -> Iterator[tuple[bytes, bytes, bytes | None]]:
    """State, key and value (None: erased) of every cell of a packed entry."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = entry[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        return entry[at - size:at]

    assert number() == 1, "another format of the redo"
    names = [take(number()) for _ in range(number())]
    for _ in range(number()):
        name, key, size = names[number()], take(number()), number()
        yield name, key, take(size - 1) if size else None
