# SPDX-License-Identifier: Apache-2.0
"""A record that was put aside, read as docs/state-layout.md says how it is packed."""
import dataclasses

from directory_support import StackTest  # noqa: F401  First: it makes the other folders known.
from packed import Packed


@dataclasses.dataclass(frozen=True)
class Aside:
    kind: str
    reason: str
    hash12: str
    count: int
    when_ms: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def unpacked(entry: bytes) -> Aside:
    packed = Packed(entry)
    assert packed.number() == 1, "another format of what lies aside"
    kind, reason, hash12 = (packed.text().decode() for _ in range(3))
    record = Aside(kind, reason, hash12, packed.number(), packed.difference(), packed.difference(),
                   packed.bytes(), packed.bytes(),
                   tuple((packed.bytes().decode(), packed.bytes())
                         for _ in range(packed.number())))
    assert packed.at_end(), "more than one record"
    return record
