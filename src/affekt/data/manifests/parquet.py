"""What every manifest is on disk: one Parquet file, whole or absent, read and written in rows.

Its metadata tells the version, the labels, the root of relative paths and a note.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from affekt.errors import DataError, MissingExtraError, OutputError, one_line
from affekt.files import remove_abandoned, whole_file
from affekt.typed import MisfitError, parse_json, shown, shown_key

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise MissingExtraError("a manifest", "data") from error

FILE_NAME = "manifest.parquet"
ROWS_PER_GROUP = 1024

VERSION = 2
VERSION_KEY = "affekt_manifest_version"

Note = Mapping[str, str]
"""Where a set comes from and how it was prepared."""


def manifest_file(path: str | Path) -> Path:
    """The manifest's own file, given it or its folder.

    >>> manifest_file("sets/mine").as_posix()
    'sets/mine/manifest.parquet'
    """
    path = Path(path)
    return path if path.suffix == ".parquet" else path / FILE_NAME


def write_records(
    target: Path,
    records: Iterable[Mapping[str, Any]],
    schema: Any,
    *,
    meta: Callable[[], Mapping[str, str]],
    packed: Sequence[str] = (),
) -> int:
    """Write records as they come, in constant memory; the file appears only when it is complete.

    Args:
        target: the file.
        records: one mapping per row, with the schema's names.
        schema: of Arrow.
        meta: gives the file's metadata, see `make_metadata`, when the last row is written.
        packed: columns whose values hardly repeat.

    Returns:
        How many rows were written.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(target)
        with whole_file(target) as stream:
            return _write(stream, records, schema, packed, meta)
    except OSError as error:
        raise OutputError(
            f"{target}: the manifest cannot be written ({error.strerror or error})"
        ) from error


def _write(
    stream: BinaryIO,
    records: Iterable[Mapping[str, Any]],
    schema: Any,
    packed: Sequence[str],
    meta: Callable[[], Mapping[str, str]],
) -> int:
    repeated = [name for name in schema.names if name not in packed]
    records, count = iter(records), 0
    with pq.ParquetWriter(stream, schema, use_dictionary=repeated, store_schema=False) as writer:
        while group := list(islice(records, ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
        writer.add_key_value_metadata({k: v.encode(errors=_errors(k)) for k, v in meta().items()})
    return count


def make_metadata(root: str, note: Note) -> dict[str, str]:
    """What the metadata of every manifest holds; `check_metadata` is its counterpart."""
    return {VERSION_KEY: str(VERSION), "root": root, "note": json.dumps(dict(note))}


def read_metadata(file: Path) -> tuple[list[str], dict[str, str]]:
    """The columns and the metadata of a Parquet file.

    Raises:
        DataError: no such file, or not a Parquet file.
    """
    if not file.is_file():
        raise DataError(f"no manifest at {file}: make one with `affekt prepare`")
    with _reading(file), pq.ParquetFile(file) as opened:
        names, meta = opened.schema_arrow.names, opened.metadata.metadata
        texts = [(k.decode(), v) for k, v in (meta or {}).items() if _is_text(k)]
        return names, {k: v.decode(errors=_errors(k)) for k, v in texts}


def check_metadata(file: Path, meta: Mapping[str, str], *, keys: Sequence[str]) -> None:
    """Refuse a file that is no manifest, or one of another version.

    Raises:
        DataError: it says what the file is and what was expected.
    """
    if VERSION_KEY not in meta:
        raise DataError(f"{file} is not an affekt manifest: its metadata lacks {VERSION_KEY!r}")
    if meta[VERSION_KEY] != str(VERSION):
        raise DataError(
            f"{file} is a manifest of version {shown_key(meta[VERSION_KEY])}, this affekt reads "
            f"version {VERSION}: prepare again (`affekt prepare`)"
        )
    for key in keys:
        if key not in meta:
            raise DataError(f"{file} is not an affekt manifest: its metadata lacks {key!r}")
    if "\0" in meta.get("root", ""):
        raise DataError(f"{file}: its root {shown(meta['root'])} is no folder's name")


def read_note(file: Path, meta: Mapping[str, str]) -> dict[str, str]:
    """The note that `make_metadata` wrote.

    Raises:
        DataError: it is none.
    """
    note = read_entry(file, meta, "note")
    if not isinstance(note, dict) or not all(isinstance(text, str) for text in note.values()):
        raise DataError(f"{file}: its metadata 'note' is not a table of texts")
    return note


def read_entry(file: Path, meta: Mapping[str, str], key: str) -> Any:
    """What an entry of the metadata holds as JSON.

    Raises:
        DataError: it is no JSON.
    """
    try:
        return parse_json(meta[key])
    except MisfitError as error:
        raise DataError(f"{file}: its metadata {key!r} cannot be read ({error})") from None


def check_columns(file: Path, names: Sequence[str], expected: Sequence[str]) -> None:
    """Refuse a manifest that lacks a column, or has one twice.

    Raises:
        DataError: it names the column and what is expected.
    """
    for name in expected:
        if names.count(name) != 1:
            problem = "has two columns" if name in names else "lacks the column"
            columns = one_line(", ".join(expected), longest=600)
            raise DataError(f"{file} {problem} {shown(name)}, expected {columns}")


def stream_records(file: Path, schema: Any) -> Iterator[dict[str, Any]]:
    """The rows in the file's order, in constant memory.

    Args:
        file: whose columns `check_columns` found.
        schema: the types that the rows get; a value that none of them can hold is an error.

    Raises:
        DataError: the file is damaged, a column is of another type, or lacks a value.
    """
    with _reading(file), pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(batch_size=ROWS_PER_GROUP, columns=schema.names):
            table = pa.table(batch).select(schema.names)
            for field in schema:
                if not field.nullable and table[field.name].null_count:
                    raise DataError(f"{file}: the column {field.name!r} lacks a value")
            yield from table.cast(schema).to_pylist()


def count_rows(file: Path, split: str | None) -> int:
    """How many rows of a split (of all splits without one) are in use.

    Raises:
        DataError: the file is damaged.
    """
    with _reading(file):
        columns = pq.read_table(file, columns=["split", "exclude"])
        pairs = zip(*(columns[name].to_pylist() for name in ("split", "exclude")), strict=True)
    return sum(split in (None, own) and exclude is None for own, exclude in pairs)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Whatever Arrow makes of a damaged file is one line."""
    try:
        yield
    except (OSError, ValueError, KeyError, MemoryError, pa.ArrowException) as error:
        reason = one_line(error)
        raise DataError(f"{file} is not a readable Parquet file: {reason}") from error


def _is_text(key: bytes) -> bool:
    return not key.startswith(b"ARROW:")


def _errors(key: str) -> str:
    """A folder may have any name, all else is UTF-8."""
    return "surrogateescape" if key == "root" else "strict"
