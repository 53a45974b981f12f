"""Where results go: standard output, or a file that is whole whenever it bears its name.

A file is written as ``NAME.partial`` beside its place and takes its name when the command ends,
stopped by Ctrl-C or a full disk or not; what stood there before is kept until then. Standard
output, pipes and devices are written as results come. JSON, JSON Lines and CSV are valid after
every write, Parquet once it is closed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, BinaryIO, Protocol

import typer

from affekt.errors import MissingExtraError, OutputError, UsageError, nearest
from affekt.results import Emotion, Frame, Person, to_table

STDOUT = "-"
ROWS_PER_GROUP = 4096


class WriteError(OutputError):
    """Writing failed on the way: a full disk, a drive that went away."""


def say(line: str) -> None:
    """One line on standard error."""
    typer.echo(line, err=True)


def say_error(message: str) -> None:
    """One error line on standard error."""
    say(f"affekt: error: {' '.join(message.split())}")


def discard_stdout() -> None:
    """Points standard output at nothing, so that the interpreter's last flush is quiet."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return


class Sink:
    """A byte stream to standard output or a file, checked when it is opened.

    Each write may name a tail: bytes that make the whole valid when nothing follows. In a file
    the tail is always there and the next write replaces it; elsewhere it is written at the end.

    Args:
        target: a path, or ``-`` for standard output.

    Raises:
        OutputError: nothing can be written there.
    """

    def __init__(self, target: str) -> None:
        self.name = "standard output" if target == STDOUT else target
        self._final: Path | None = None
        self._partial: Path | None = None
        self._good = 0
        self._tail = b""
        try:
            self._stream = self._open(target)
        except OSError as error:
            raise OutputError(
                f"{target}: cannot be written ({error.strerror}); name a file in a folder that "
                "exists and may be written to"
            ) from None

    def _open(self, target: str) -> BinaryIO:
        if target == STDOUT:
            return sys.stdout.buffer
        path = Path(target)
        if path.exists() and not path.is_file():
            return path.open("wb")  # a device or a pipe; a folder fails here, as it should
        if path.exists():
            path.open("ab").close()
        self._final, self._partial = path, path.with_name(path.name + ".partial")
        return self._partial.open("wb")

    def write(self, content: bytes, tail: bytes = b"") -> None:
        """Writes now, so that a reader sees it and a full disk is noticed.

        Raises:
            WriteError: the disk is full or went away.
        """
        try:
            with delayed_interrupt():
                if self._final is None:
                    self._put(content)
                else:
                    self._stream.seek(self._good)
                    self._put(content + tail)
                self._good += len(content)
                self._tail = tail
        except BrokenPipeError:
            discard_stdout()
            raise typer.Exit(141) from None
        except OSError as error:
            raise self._failed(error) from None

    def tell(self) -> int:
        """Bytes written, without the tail."""
        return self._good

    def close(self, *, keep: bool) -> None:
        """Ends with the tail and gives a file its name, or takes it away if not to be kept."""
        try:
            if self._final is None:
                self._put(self._tail if keep else b"")
            elif keep:
                self._stream.seek(self._good)
                self._put(self._tail)
                self._stream.truncate()
        except BrokenPipeError:
            discard_stdout()
        except OSError as error:
            raise self._failed(error) from None
        finally:
            self._leave(keep)

    def _leave(self, keep: bool) -> None:
        if self._stream is not getattr(sys.stdout, "buffer", None):
            with suppress(OSError):
                self._stream.close()
        if self._partial is not None and self._final is not None:
            if keep:
                self._partial.replace(self._final)
            else:
                self._partial.unlink(missing_ok=True)

    def _put(self, content: bytes) -> None:
        self._stream.write(content)
        self._stream.flush()

    def _failed(self, error: OSError) -> WriteError:
        if self._stream is getattr(sys.stdout, "buffer", None):
            discard_stdout()
        elif self._final is not None and self._partial is not None:
            with suppress(OSError):  # drop what the failed write left in the buffer
                self._stream.close()
            self._stream = self._partial.open("r+b")
        return WriteError(f"{self.name}: cannot be written any further ({error.strerror})")


@contextmanager
def delayed_interrupt() -> Iterator[None]:
    """Ctrl-C waits until the block is done; a second one does not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        pressed.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


class FrameWriter(Protocol):
    """Writes frames in one format."""

    def write(self, frame: Frame) -> None:
        """Writes one frame."""

    def finish(self) -> None:
        """Writes what makes the whole valid."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What a model may say of a person: it fixes the columns of a table.

    Attributes:
        primary: the primary emotions.
        categories: EMOTIC's categories, none for a face model.
    """

    primary: Sequence[str]
    categories: Sequence[str] = ()


class JsonWriter:
    """A list with one object per picture, one picture per line."""

    def __init__(self, sink: Sink, labels: Labels) -> None:
        self._sink = sink
        self._lead = b"\n"
        sink.write(b"[", tail=b"]\n")

    def write(self, frame: Frame) -> None:
        """Writes one frame."""
        self._sink.write(self._lead + encode(frame.to_dict()), tail=b"\n]\n")
        self._lead = b",\n"

    def finish(self) -> None:
        """The sink's tail closes the list."""


class JsonLinesWriter:
    """One object per picture and line."""

    def __init__(self, sink: Sink, labels: Labels) -> None:
        self._sink = sink

    def write(self, frame: Frame) -> None:
        """Writes one frame."""
        self._sink.write(encode(frame.to_dict()) + b"\n")

    def finish(self) -> None:
        """Nothing is missing."""


class CsvWriter:
    """One row per person; the columns are fixed by what the model may say."""

    def __init__(self, sink: Sink, labels: Labels) -> None:
        self._sink = sink
        self._columns = columns_for(labels)
        self._primary = labels.primary
        self._sink.write(self._encode([dict(zip(self._columns, self._columns, strict=True))]))

    def write(self, frame: Frame) -> None:
        """Writes one frame's people."""
        if frame.people:
            self._sink.write(self._encode(to_table([frame], self._primary)))

    def finish(self) -> None:
        """Nothing is missing."""

    def _encode(self, rows: Any) -> bytes:
        text = io.StringIO()
        csv.DictWriter(text, self._columns, lineterminator="\n").writerows(rows)
        return text.getvalue().encode("utf-8", "surrogateescape")


class ParquetWriter:
    """One row per person in typed columns; needs the ``data`` extra."""

    def __init__(self, sink: Sink, labels: Labels) -> None:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        kinds = {"source": pa.string(), "primary_label": pa.string()}
        kinds |= {"category_labels": pa.string()}
        kinds |= {name: pa.int32() for name in ("width", "height", "index", "person", "track_id")}
        names = columns_for(labels)
        self._primary = labels.primary
        self._schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in names])
        self._table = pa.Table.from_pylist
        self._rows: list[dict[str, Any]] = []
        self._writer = pq.ParquetWriter(_SinkFile(sink), self._schema)

    def write(self, frame: Frame) -> None:
        """Keeps one frame's people until there are enough for a row group."""
        self._rows += to_table([frame], self._primary)
        if len(self._rows) >= ROWS_PER_GROUP:
            self._flush()

    def finish(self) -> None:
        """Writes the last row group and the file's footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        for row in rows:
            row["source"] = row["source"].encode("utf-8", "replace").decode()
        self._writer.write_table(self._table(rows, schema=self._schema))


class _SinkFile(io.RawIOBase):
    """A sink as the file object that pyarrow writes to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._sink.write(bytes(content))
        return len(content)

    def tell(self) -> int:
        return self._sink.tell()


WRITERS: dict[str, Callable[[Sink, Labels], FrameWriter]] = {
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
    "csv": CsvWriter,
    "parquet": ParquetWriter,
}


def choose_format(asked: str | None, output: str) -> str:
    """The format asked for, else the one of the output's suffix, else JSON.

    Raises:
        UsageError: an unknown format or suffix.
        MissingExtraError: Parquet without the ``data`` extra.

    >>> choose_format(None, "-"), choose_format(None, "a/b.CSV"), choose_format("jsonl", "x.txt")
    ('json', 'csv', 'jsonl')
    """
    suffix = Path(output).suffix.lower().removeprefix(".")
    name = asked or ("json" if output == STDOUT or not suffix else suffix)
    if name not in WRITERS:
        asked_by = f"--format {name}" if asked else f"--output {output}: format {name!r}"
        remedy = "" if asked else "; or give --format"
        raise UsageError(f"{asked_by} is unknown, {nearest(name, WRITERS)}{remedy}")
    if name == "parquet":
        _check_parquet(output)
    return name


def _check_parquet(output: str) -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec("pyarrow") is None:
        raise MissingExtraError("Parquet output", "data")
    if output == STDOUT and sys.stdout.isatty():
        raise UsageError("Parquet is not text: name a file with --output, or pipe it on")


def columns_for(labels: Labels) -> list[str]:
    """The columns of a table of results of a model with those labels.

    >>> columns_for(Labels(["anger", "joy"], ["Peace"]))[16:21]
    ['primary_label', 'anger', 'joy', 'Peace', 'category_labels']
    """
    primary, categories = (
        dict.fromkeys(names, 0.0) for names in (labels.primary, labels.categories)
    )
    person = Person((0.0, 0.0, 0.0, 0.0), 0.0, None, Emotion(primary, categories))
    return list(next(to_table([Frame("", 0, 0, people=(person,))])))


def encode(value: Any) -> bytes:
    r"""A value as JSON in UTF-8; names that are no Unicode are escaped.

    >>> encode({"source": "é"}).decode()
    '{"source": "é"}'
    >>> encode("caf\udce9").decode()
    '"caf\\udce9"'
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False).encode()


class Results:
    """An output that is open: `begin` once the model is known, then `write` frames.

    Leaving it closes the format whatever the reason, so that what was written stays valid; a file
    in which nothing was begun is taken away.
    """

    def __init__(self, target: str, kind: str) -> None:
        self._sink = Sink(target)
        self._kind = kind
        self._writer: FrameWriter | None = None

    def begin(self, labels: Labels) -> None:
        """Starts the format."""
        self._writer = WRITERS[self._kind](self._sink, labels)

    def write(self, frame: Frame) -> None:
        """Writes one frame."""
        if self._writer is None:
            raise OutputError(f"{self._sink.name}: not begun")
        self._writer.write(frame)

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        keep = self._writer is not None
        try:
            if isinstance(error, WriteError | typer.Exit):
                keep = keep and self._kind != "parquet"  # without its footer it is no Parquet
            elif self._writer is not None:
                self._writer.finish()
        except BaseException:
            keep = False
            raise
        finally:
            self._sink.close(keep=keep)


@contextmanager
def text_output(target: str) -> Iterator[Callable[[str], None]]:
    """A function that writes text there; the file takes its name when all went well."""
    sink = Sink(target)
    sound = False
    try:
        yield lambda text: sink.write(text.encode("utf-8", "surrogateescape"))
        sound = True
    finally:
        sink.close(keep=sound)
