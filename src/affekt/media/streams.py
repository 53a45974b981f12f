"""Bytes of a picture from wherever they come: files, memory, pipes and open streams."""

from __future__ import annotations

import io
import select
import stat
import sys
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Protocol

from affekt.errors import MediaError, one_line, path_advice
from affekt.media.foreign import PICTURES, is_file

STREAM_LIMIT = 256 * 2**20
"""Bytes that are taken from a pipe or another stream without an end known; a file may be larger."""

BLOCK = 2**20


class Readable(Protocol):
    """What gives its bytes block by block."""

    def read(self, size: int, /) -> object:
        """At most so many bytes, none at the end."""


def open_stream(source: object, name: str) -> BinaryIO:
    """A stream that can be searched, at the picture's first byte.

    Args:
        source: a path, bytes, or an open file of bytes, which is read from its start.
        name: what error lines call it.

    Raises:
        MediaError: no such file, it cannot be read, or a pipe gives more than `STREAM_LIMIT`.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if is_file(source):
        return io.BytesIO(_from_start(source, name))
    if not isinstance(source, str | PathLike):
        raise MediaError(f"{name}: {type(source).__name__} is no picture; {PICTURES}")
    stream = _open(source, name)
    if stream.seekable():
        return stream
    with stream:
        return io.BytesIO(read_all(_Pipe(stream), name))


def may_wait(source: object) -> bool:
    """Whether reading a picture may take for ever: pipes, terminals, open files without an end.

    >>> may_wait(b""), may_wait("photo.jpg"), may_wait(io.BytesIO())
    (False, False, False)
    """
    try:
        if isinstance(source, str | PathLike):
            mode = Path(source).stat().st_mode
            return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
        return is_file(source) and not source.seekable()
    except Exception:  # of anybody's object; reading it says what is wrong
        return False


def read_all(stream: Readable, name: str) -> bytes:
    """What a stream gives from here to its end.

    Raises:
        MediaError: more than `STREAM_LIMIT` bytes, text, or it cannot be read.
    """
    content = bytearray()
    try:
        while block := stream.read(BLOCK):
            if not isinstance(block, bytes | bytearray | memoryview):
                raise MediaError(f"{name}: a stream of text; open the file with mode 'rb'")
            content += block
            if len(content) > STREAM_LIMIT:
                raise MediaError(
                    f"{name}: more than {STREAM_LIMIT // 2**20} MiB come from this stream; save "
                    "the picture to a file and name that"
                )
    except (OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot be read ({error_line(error)})") from None
    return bytes(content)


def error_line(error: BaseException) -> str:
    """An error of another library in one line."""
    return one_line(getattr(error, "strerror", None) or error)


class _Pipe:
    """A pipe or device whose wait ends with a signal.

    Python acts on signals between two calls: one that comes just before a read would wait for
    that read to end, which may be never.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self.stream = stream

    def read(self, size: int, /) -> bytes:
        """What is there, once there is something."""
        while sys.platform != "win32" and not select.select([self.stream], [], [], 0.2)[0]:
            pass
        return self.stream.raw.read(size) or b""


def _from_start(stream: Readable, name: str) -> bytes:
    seekable = getattr(stream, "seekable", None)
    try:
        if seekable is not None and seekable():
            stream.seek(0)  # type: ignore[attr-defined]
    except (OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot be read ({error_line(error)})") from None
    return read_all(stream, name)


def _open(source: str | PathLike[str], name: str) -> io.BufferedReader:
    try:
        return Path(source).open("rb")
    except FileNotFoundError:
        raise MediaError(f"{name}: {path_advice(str(source)) or 'no such file'}") from None
    except IsADirectoryError:
        raise MediaError(f"{name}: is a folder, not a picture") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot be read ({error_line(error)})") from None
