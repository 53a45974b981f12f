"""What an ONNX file would do, read from its bytes before ONNX Runtime opens it.

A network that reads pictures is a plain chain of operators. One with loops may run for ever, and
one with weights elsewhere may be fed by a file that no checksum covers. Both stand in few fields of
the file, so a walk over these is enough and the package onnx is not needed; weights are passed
over unread.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterator
from pathlib import Path

from affekt.errors import BundleError
from affekt.typed import shown

_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        **{5: "tensor", 10: "tensor", 22: "sparse", 23: "sparse"},
        **{6: "subgraph", 11: "subgraph"},
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}
"""Which fields of onnx.proto, by number, hold what may be refused or lead to it."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
"""Wire types of protocol buffers; ONNX does not use the two for groups."""

Part = tuple[str, int, int]
"""What it is, and its first byte and the one after its last."""


class _MalformedError(ValueError):
    """The bytes are no protocol buffer."""


def check_graph(path: Path, beside: Collection[Path] = ()) -> None:
    """Refuses an ONNX file that may never end, or that takes weights from unknown files.

    Args:
        path: the file.
        beside: files that it may take weights from.

    Raises:
        BundleError: the file cannot be read or is no ONNX, an operator holds a graph of its own
            (as Loop, Scan and If do), it defines operators, or weights lie in other files.
    """
    try:
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            problem = next(_problems(content, path.parent, beside), None)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError:  # nothing can be mapped of an empty file
        raise BundleError(f"{path}: not a model that can be run (it is no ONNX file)") from None
    if problem:
        raise BundleError(f"{path}: {problem}")


def _problems(content: mmap.mmap, folder: Path, beside: Collection[Path]) -> Iterator[str]:
    graphs = 0
    for kind, start, end in _walk(content, "model", 0, len(content)):
        graphs += kind == "graph"
        if kind == "subgraph":
            yield "an operator with a graph of its own (Loop, Scan or If), which may never end"
        if kind == "function":
            yield "it defines operators of its own; export it with its functions inlined"
        if kind == "external":
            yield from _external_problems(content, start, end, folder, beside)
    if not graphs:
        raise _MalformedError


def _external_problems(
    content: mmap.mmap, start: int, end: int, folder: Path, beside: Collection[Path]
) -> Iterator[str]:
    entry = {number: content[first:last] for number, first, last in _fields(content, start, end)}
    if entry.get(1) == b"location":
        name = entry.get(2, b"").decode(errors="replace")
        if folder / name not in beside:
            yield f"takes weights from {shown(name)}, which is no file of the bundle"


def _walk(content: mmap.mmap, kind: str, start: int, end: int) -> Iterator[Part]:
    parts = _PARTS.get(kind)
    if parts is None:
        return
    for number, first, last in _fields(content, start, end):
        if number in parts:
            yield parts[number], first, last
            yield from _walk(content, parts[number], first, last)


def _fields(content: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, first byte and end of each field that holds bytes; the others are passed over."""
    while at < end:
        key, at = _varint(content, at, end)
        wire = key & 7
        if wire == _BYTES:
            size, at = _varint(content, at, end)
            if size > end - at:
                raise _MalformedError
            yield key >> 3, at, at + size
            at += size
        elif wire == _VARINT:
            _, at = _varint(content, at, end)
        elif wire in (_EIGHT, _FOUR):
            at += 8 if wire == _EIGHT else 4
        else:
            raise _MalformedError
    if at > end:
        raise _MalformedError


def _varint(content: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, and where it ends."""
    value = shift = 0
    while at < end and shift < 70:
        byte = content[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
    raise _MalformedError
