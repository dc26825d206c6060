# SPDX-License-Identifier: Apache-2.0
"""What packed entries in the store are made of, as docs/state-layout.md has it."""


class Packed:
    """Reads one entry from its begin."""

    def __init__(self, entry: bytes) -> None:
        self._entry, self._at = entry, 0

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self._entry[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def difference(self) -> int:
        """To 0."""
        zigzag = self.number()
        return (zigzag >> 1) ^ -(zigzag & 1)

    def text(self) -> bytes:
        return self._take(self.number())

    def bytes(self) -> bytes | None:
        size = self.number()
        return self._take(size - 1) if size else None

    def at_end(self) -> bool:
        return self._at == len(self._entry)

    def _take(self, size: int) -> bytes:
        self._at += size
        assert self._at <= len(self._entry), "the entry was cut short"
        return self._entry[self._at - size:self._at]
