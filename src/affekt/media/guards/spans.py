"""Parts of a file as a file of its own."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Spans(io.RawIOBase):
    """Parts of a stream one after the other, without a copy of them.

    Args:
        stream: the whole, which can be searched.
        spans: first byte and the byte after the last, for each part.

    >>> Spans(io.BytesIO(b"0123456789"), [(0, 2), (5, 8)]).read()
    b'01567'
    """

    def __init__(self, stream: BinaryIO, spans: Sequence[tuple[int, int]]) -> None:
        self._stream = stream
        self._spans = spans
        self._ends = list(accumulate(end - start for start, end in spans))
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Bytes from the first part's first."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As for any stream."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """As for any stream: no more than to the end of a part at once."""
        view = memoryview(buffer).cast("B")
        number = bisect_right(self._ends, self._at)
        if number == len(self._ends):
            return 0
        left = self._ends[number] - self._at
        self._stream.seek(self._spans[number][1] - left)
        content = self._stream.read(min(left, len(view)))
        view[: len(content)] = content
        self._at += len(content)
        return len(content)
