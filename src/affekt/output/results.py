"""An output that is open, and what a run of the same kind had done before it was killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from affekt.errors import OutputError, UsageError
from affekt.files import WorkingFile, is_locked, remove_abandoned, start_alone, unfinished
from affekt.output.earlier import Earlier
from affekt.output.formats import TABLES, WRITERS
from affekt.output.making import Direct, Journal, Output
from affekt.output.sink import (
    ClosedPipeError,
    FileSink,
    StreamSink,
    WriteError,
    is_stream,
    opening,
)
from affekt.output.stopping import shielded
from affekt.output.table import Labels


class Results:
    """An output that is open: `begin` once the model is known, then `write` frames.

    Leaving it makes a file of what was written, whatever the reason, so that it is valid and
    bears its name; where nothing was written before an error, the old file stays.

    Args:
        target: a path, or ``-`` for standard output.
        kind: one of `affekt.output.formats.WRITERS`.
        resume: go on from what killed runs with the same settings left, and leave what a later
            run can go on from where this one ends early.

    Attributes:
        earlier: what they had done, after `begin`; nothing without ``resume``.
        left: the working files of killed runs that can be gone on from.
        others: those of runs with other settings.
        shown: whether the results appear on a terminal, one by one.

    Raises:
        OutputError: nothing can be written there, or another process is writing it.
        UsageError: ``resume`` without a file.
    """

    def __init__(self, target: str, kind: str, *, resume: bool = False) -> None:
        self._target, self._kind, self._resume = target, kind, resume
        self._stream = StreamSink(target) if is_stream(target) else None
        self.shown = self._stream is not None and self._stream.shown
        self._output: Output | None = None
        self._count = 0
        self.earlier = Earlier([], Labels([]))
        self.left: list[Path] = []
        self.others: list[Path] = []
        if self._stream is not None and resume:
            raise UsageError("--resume goes on from a file: name it with --output")
        if self._stream is None:
            with opening(target):
                start_alone(target).discard()

    def begin(self, labels: Labels, settings: Mapping[str, Any]) -> None:
        """Starts the format.

        Args:
            labels: of the model.
            settings: what must be equal for one run to go on from another, as JSON takes it.

        Raises:
            OutputError: another process is writing the file.
        """
        make = partial(WRITERS[self._kind], labels=labels)
        if self._stream is not None:
            self._output = Direct(self._stream, make)
            return
        with opening(self._target):
            working = self._start(labels, _digest({"format": self._kind, **settings}))
            if self._kind in TABLES:
                self._output = Journal(working, self._target, make)
            else:
                self._output = Direct(FileSink(working, self._target), make)

    def _start(self, labels: Labels, mark: str) -> WorkingFile:
        remove_abandoned(self._target)
        found = [path for path in unfinished(self._target) if not is_locked(path)]
        self.left = [path for path in unfinished(self._target, mark) if path in found]
        self.others = [path for path in found if path not in self.left]
        working = start_alone(self._target, mark)
        self.earlier = Earlier(self.left if self._resume else [], labels)
        return working

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes one frame, as `affekt.results.Frame.to_dict` gives it.

        Raises:
            WriteError: the disk is full or went away.
        """
        if self._output is None:
            raise OutputError(f"{self._target}: not begun")
        with shielded():  # the bytes, and what is known of them
            self._output.write(record)
            self._count += 1

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.earlier.close()
        if self._output is None:
            if self._stream is not None:
                self._stream.abandon()
            return
        with shielded():
            lost = self._stream is not None and isinstance(error, WriteError | ClosedPipeError)
            if lost or (error is not None and not self._count):
                self._output.abandon()
                return
            self._output.finish(keep=self._resume and error is not None)
            if self._resume and error is None:
                for path in self.left:
                    path.unlink(missing_ok=True)


def _digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
