"""A file in the making: written as it will be, or as a journal that becomes a table at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from affekt.files import WorkingFile
from affekt.output.json import JsonLinesWriter, decode_line
from affekt.output.sink import FileSink, Sink, WriteError

SHARE, LEAST = 2, 32_768
"""A table takes less than half of the room of its journal, and some bytes for its columns."""


class Writer(Protocol):
    """Writes frames in one format."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes one frame, as `affekt.results.Frame.to_dict` gives it."""

    def finish(self) -> None:
        """Writes what makes the whole valid."""


class Output(Protocol):
    """Takes frames, and is whole at the end."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes one frame.

        Raises:
            WriteError: the disk is full or went away; what was written before is kept.
        """

    def finish(self, *, keep: bool = False) -> None:
        """Makes the whole valid; a file takes its name.

        Args:
            keep: leave a working file too, for a later run to go on from.

        Raises:
            WriteError: the disk is full; it names the working file, which is kept.
        """

    def abandon(self) -> None:
        """Takes away what was written."""


class Direct:
    """Frames as they come, in their format.

    Args:
        sink: takes them.
        make_writer: of the format.
    """

    def __init__(self, sink: Sink, make_writer: Callable[[Sink], Writer]) -> None:
        self._sink = sink
        self._writer = make_writer(sink)

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes one frame."""
        self._writer.write(record)

    def finish(self, *, keep: bool = False) -> None:
        """Ends the format and the sink."""
        self._writer.finish()
        self._sink.finish()
        if keep and isinstance(self._sink, FileSink):
            with suppress(OSError):
                shutil.copyfile(self._sink.working.final, self._sink.working.path)

    def abandon(self) -> None:
        """Takes a file away."""
        self._sink.abandon()


class Journal:
    """JSON Lines beside the place of a table, which `finish` makes of them.

    So a run that is killed leaves results that can be read and gone on from, in every format.
    Room for the table is set aside as the journal grows: a full disk does not keep what was done
    from becoming one.

    Args:
        working: the journal's file.
        name: what error lines call the table.
        make_writer: of the table's format.
    """

    def __init__(
        self, working: WorkingFile, name: str, make_writer: Callable[[Sink], Writer]
    ) -> None:
        self._working, self._name, self._make = working, name, make_writer
        self._sink = FileSink(working, name)
        self._lines = JsonLinesWriter(self._sink)
        self._room = tempfile.TemporaryFile(dir=working.final.parent, buffering=0)  # noqa: SIM115
        self._kept = 0

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes one frame."""
        self._set_aside(LEAST + self._sink.tell() // SHARE)
        self._lines.write(record)

    def finish(self, *, keep: bool = False) -> None:
        """Makes the table, which takes its name."""
        self._room.close()
        try:
            self._make_table()
        except WriteError as error:
            raise error.kept_in(self._working.path) from None
        if not keep:
            self._working.discard()

    def abandon(self) -> None:
        """Takes the journal away."""
        self._room.close()
        self._working.discard()

    def _make_table(self) -> None:
        try:
            table = FileSink(WorkingFile(self._working.final), self._name)
        except OSError as error:
            raise WriteError(self._name, error.strerror) from None
        try:
            writer = self._make(table)
            with self._working.path.open("rb") as lines:
                for record in map(decode_line, lines):
                    if record is not None:  # the last line of a full disk is torn
                        writer.write(record)
            writer.finish()
            table.finish()
        except BaseException:
            table.abandon()
            raise

    def _set_aside(self, size: int) -> None:
        try:
            while self._kept < size:
                self._kept += self._room.write(bytes(max(LEAST, size - self._kept)))
        except OSError as error:
            raise WriteError(self._name, error.strerror) from None
