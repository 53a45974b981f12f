"""Bytes of a picture from wherever they come: files, memory, pipes and open streams."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, BinaryIO

from affekt.errors import MediaError, path_advice
from affekt.media.formats import error_line

STREAM_LIMIT = 256 * 2**20
"""Bytes that are taken from a pipe or another stream without an end known; a file may be larger."""

BLOCK = 2**20


def open_stream(source: str | Path | bytes, name: str) -> BinaryIO:
    """A stream that can be searched, at the picture's first byte.

    Raises:
        MediaError: no such file, it cannot be read, or a pipe gives more than `STREAM_LIMIT`.
    """
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        stream = Path(source).open("rb")  # noqa: SIM115 (handed on)
    except FileNotFoundError:
        raise MediaError(f"{name}: {path_advice(str(source)) or 'no such file'}") from None
    except IsADirectoryError:
        raise MediaError(f"{name}: is a folder, not a picture") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot be read ({error_line(error)})") from None
    if stream.seekable():
        return stream
    with stream:
        return io.BytesIO(read_all(stream, name))


def read_all(stream: IO[bytes], name: str) -> bytes:
    """What a stream gives from here to its end.

    Raises:
        MediaError: more than `STREAM_LIMIT` bytes, or it cannot be read.
    """
    content = bytearray()
    try:
        while block := stream.read(BLOCK):
            content += block
            if len(content) > STREAM_LIMIT:
                raise MediaError(
                    f"{name}: more than {STREAM_LIMIT // 2**20} MiB come from this stream; save "
                    "the picture to a file and name that"
                )
    except (OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot be read ({error_line(error)})") from None
    return bytes(content)
