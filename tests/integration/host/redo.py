# SPDX-License-Identifier: Apache-2.0
"""State as docs/state-layout.md says to read it: the fields with the task's redo laid over them."""
from collections.abc import Iterator

from packed import Packed
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
    packed = Packed(entry)
    assert packed.number() == 1, "another format of the redo"
    names = [packed.text() for _ in range(packed.number())]
    for _ in range(packed.number()):
        yield names[packed.number()], packed.text(), packed.bytes()
