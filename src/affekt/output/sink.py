"""Where bytes go: standard output, a pipe or a device as they come, or a file whole at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from affekt.errors import OutputError
from affekt.files import WorkingFile, is_special, remove_abandoned
from affekt.output.stopping import shielded
from affekt.output.text import printable

STDOUT = "-"


class WriteError(OutputError):
    """Writing failed on the way: a full disk, a drive that went away.

    Args:
        name: of what was written.
        reason: what the system said.
        kept: the working file that holds what was done.
    """

    def __init__(self, name: str, reason: str | None, kept: Path | None = None) -> None:
        remedy = f"; what was done is kept in {kept}: --resume goes on from it" if kept else ""
        super().__init__(f"{name}: cannot be written any further ({reason}){remedy}")
        self._name, self._reason = name, reason

    def kept_in(self, path: Path) -> WriteError:
        """The same error, which says where the work is."""
        return WriteError(self._name, self._reason, path)


class ClosedPipeError(OutputError):
    """Who read standard output has gone: nothing needs to be said."""


class Sink(Protocol):
    """Takes bytes.

    Each write may name a tail: bytes that make the whole valid when nothing follows. In a file
    the tail is always there and the next write replaces it; elsewhere it is written at the end.
    """

    name: str

    def write(self, content: bytes, tail: bytes = b"") -> None:
        """Writes now, so that a reader sees it and a full disk is noticed.

        Raises:
            WriteError: the disk is full or went away.
        """

    def tell(self) -> int:
        """Bytes written, without the tail."""

    def finish(self) -> None:
        """Ends with the tail; a file takes its name."""

    def abandon(self) -> None:
        """Ends; a file is taken away."""


class StreamSink:
    """Standard output, a pipe or a device.

    Attributes:
        shown: whether it is a terminal.

    Raises:
        OutputError: it cannot be opened.
    """

    def __init__(self, target: str) -> None:
        self.name = "standard output" if target == STDOUT else target
        self._own = target != STDOUT
        self._written, self._tail = 0, b""
        with opening(target):
            self._stream = _stdout() if target == STDOUT else _open(target)
        self.shown = not self._own and sys.stdout.isatty()

    def write(self, content: bytes, tail: bytes = b"") -> None:
        """Writes; on a terminal control characters are shown as escapes."""
        self._put(_for_terminal(content) if self.shown else content)
        self._written += len(content)
        self._tail = tail

    def tell(self) -> int:
        """Bytes written, without the tail."""
        return self._written

    def finish(self) -> None:
        """Writes the tail."""
        try:
            self._put(self._tail)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Closes what is not standard output."""
        if self._own:
            with suppress(OSError):
                self._stream.close()

    def _put(self, content: bytes) -> None:
        try:
            with shielded():
                self._stream.write(content)
                self._stream.flush()
        except BrokenPipeError:
            self._give_up()
            raise ClosedPipeError(self.name) from None
        except OSError as error:
            self._give_up()
            raise WriteError(self.name, error.strerror) from None

    def _give_up(self) -> None:
        if not self._own:
            discard_stdout()


class FileSink:
    """A working file, valid after every write, that takes its name at the end.

    Args:
        working: the file.
        name: what error lines call it.
    """

    def __init__(self, working: WorkingFile, name: str) -> None:
        self.name, self.working = name, working
        self._file = working.unbuffered  # a buffer would keep what failed
        self._good, self._tail = 0, b""

    def write(self, content: bytes, tail: bytes = b"") -> None:
        """Writes in place of the last tail.

        Raises:
            WriteError: the disk is full or went away; what was written before is still valid.
        """
        try:
            with shielded():
                self._file.seek(self._good)
                self._put(content + tail)
                self._good += len(content)
                self._tail = tail
        except OSError as error:
            raise WriteError(self.name, error.strerror) from None

    def tell(self) -> int:
        """Bytes written, without the tail."""
        return self._good

    def finish(self) -> None:
        """Takes away what a failed write left, and gives the file its name.

        Raises:
            WriteError: the disk is full or went away; it names the working file.
        """
        try:
            self._file.seek(self._good)
            self._put(self._tail)
            self._file.truncate()
            self.working.commit()
        except OSError as error:
            raise WriteError(self.name, error.strerror, self.working.path) from None

    def abandon(self) -> None:
        """Takes the working file away."""
        self.working.discard()

    def _put(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]


@contextmanager
def text_output(target: str) -> Iterator[Callable[[str], None]]:
    """A function that writes text there; a file takes its name when all went well.

    Args:
        target: a path, or ``-`` for standard output.

    Raises:
        OutputError: it cannot be written.
    """
    sink = open_sink(target)
    try:
        yield lambda text: sink.write(text.encode("utf-8", "surrogateescape"))
        with shielded():
            sink.finish()
    except BaseException:
        sink.abandon()
        raise


def open_sink(target: str) -> Sink:
    """A sink to a path, or ``-`` for standard output, checked now.

    Raises:
        OutputError: nothing can be written there.
    """
    if is_stream(target):
        return StreamSink(target)
    remove_abandoned(target)
    with opening(target):
        return FileSink(WorkingFile(target), target)


def is_stream(target: str) -> bool:
    """Whether bytes go out as they come, and no file is replaced."""
    return target == STDOUT or is_special(target)


@contextmanager
def opening(target: str) -> Iterator[None]:
    """Says in one line why nothing can be written there."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written ({error.strerror}); name a file in a folder that "
            "exists and may be written to"
        ) from None


def discard_stdout() -> None:
    """Points standard output at nothing, so that the interpreter's last flush is quiet."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return


def _open(target: str) -> BinaryIO:
    return Path(target).open("wb")


def _stdout() -> BinaryIO:
    if sys.stdout is None:
        raise OutputError("standard output is closed: name a file with --output")
    return sys.stdout.buffer


def _for_terminal(content: bytes) -> bytes:
    return printable(content.decode("utf-8", "surrogateescape"), keep="\n\t").encode()
