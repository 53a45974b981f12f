"""Rows as they stand in a Parquet file, and back.

Shares stand in one column ``p_<label>`` per label, all other labels by their names, those of
further heads in one column ``labels_<head>`` each, so nothing depends on an order of columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from affekt.data.manifests.row import OWN_FIELDS, Labels, Row, Vad, Vote
from affekt.errors import DataError, MissingExtraError, one_line
from affekt.heads import PRIMARY_HEAD
from affekt.labels import VAD
from affekt.results import BoxXyxy, Face
from affekt.typed import shown

try:
    import pyarrow as pa
except ImportError as error:
    raise MissingExtraError("a manifest", "data") from error

_SIDES = ("x1", "y1", "x2", "y2")
_SPAN = ("start_s", "end_s")
_STATED = ("id", "source", "split", "width", "height", "people")
_PLAIN = ("medium", "content", "label", "majority", "unit", "leak", "exclude")

PACKED = ("id", "content")
"""Columns whose values hardly repeat."""


def schema_of(labels: Labels) -> Any:
    """The columns of a manifest with these labels, as a schema of Arrow."""
    names = pa.list_(pa.string())
    vad = [pa.field(name, pa.float64()) for name in VAD]
    vote = pa.struct([pa.field("categories", names), *vad])
    sides = [pa.field(name, pa.float64()) for name in (*_SIDES, "score")]
    face = pa.struct([*sides, pa.field("landmarks", pa.list_(pa.float64()))])
    kinds = {"width": pa.int32(), "height": pa.int32(), "people": pa.int32()}
    kinds |= {"content": pa.binary(), "majority": pa.bool_()}
    fields = [pa.field(n, kinds.get(n, pa.string()), nullable=False) for n in _STATED]
    fields += [pa.field(name, kinds.get(name, pa.string())) for name in _PLAIN]
    fields += [pa.field(name, pa.float64()) for name in (*_SIDES, *_SPAN)]
    fields += [pa.field("face", face)]
    fields += [pa.field(f"p_{name}", pa.float64()) for name in labels.get(PRIMARY_HEAD, ())]
    fields += [pa.field("categories", names), *vad]
    fields += [pa.field("votes", pa.list_(vote), nullable=False)]
    group = pa.struct([pa.field("name", pa.string()), pa.field("value", pa.string())])
    fields += [pa.field("groups", pa.list_(group), nullable=False)]
    said = pa.struct([pa.field("name", pa.string()), pa.field("value", pa.float64())])
    fields += [pa.field(f"labels_{head}", pa.list_(said)) for head in _others(labels)]
    return pa.schema(fields)


def to_record(row: Row, labels: Labels) -> dict[str, Any]:
    """A row by the names of `schema_of`."""
    missing = 0.0 if row.shares else None
    return {
        **{name: getattr(row, name) for name in (*_STATED, *_PLAIN)},
        **_named(_SIDES, row.box_xyxy),
        **_named(_SPAN, row.span_s),
        **{f"p_{n}": row.shares.get(n, missing) for n in labels.get(PRIMARY_HEAD, ())},
        "categories": None if row.categories is None else list(row.categories),
        **_named(VAD, row.vad),
        "votes": [
            {"categories": list(vote.categories), **_named(VAD, vote.vad)} for vote in row.votes
        ],
        "groups": [{"name": name, "value": value} for name, value in row.groups.items()],
        "face": None if row.face is None else _face_record(row.face),
        **{f"labels_{head}": _said_record(row.others.get(head)) for head in _others(labels)},
    }


def from_record(record: dict[str, Any], labels: Labels, file: Path) -> Row:
    """The row of a record.

    Args:
        record: as `to_record` made it, perhaps damaged.
        labels: of the manifest.
        file: for messages.

    Raises:
        DataError: a part of a value is missing.
    """
    try:
        return _row(record, labels)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{file}: row {shown(record['id'])} lacks a part of a value ({one_line(error)})"
        ) from None


def _row(record: dict[str, Any], labels: Labels) -> Row:
    shares = {name: record[f"p_{name}"] for name in labels.get(PRIMARY_HEAD, ())}
    marked = record["categories"]
    others = {head: record[f"labels_{head}"] for head in _others(labels)}
    span = _floats(record, _SPAN)
    return Row(
        **{name: record[name] for name in (*_STATED, *_PLAIN)},
        box_xyxy=_box(record),
        span_s=None if span is None else (span[0], span[1]),
        face=None if record["face"] is None else _face(record["face"]),
        shares={name: share for name, share in shares.items() if share is not None},
        categories=None if marked is None else tuple(marked),
        vad=_vad(record),
        votes=tuple(Vote(tuple(vote["categories"]), _vad(vote)) for vote in record["votes"]),
        others={head: _said(own) for head, own in others.items() if own is not None},
        groups={_text(group["name"]): _text(group["value"]) for group in record["groups"]},
    )


def _others(labels: Labels) -> list[str]:
    return [head for head in labels if head not in OWN_FIELDS]


def _said_record(said: dict[str, float] | None) -> list[dict[str, Any]] | None:
    return None if said is None else [{"name": n, "value": v} for n, v in said.items()]


def _said(record: list[dict[str, Any]]) -> dict[str, float]:
    return {_text(one["name"]): float(one["value"]) for one in record}


def _named(names: tuple[str, ...], values: tuple[float, ...] | None) -> dict[str, float | None]:
    given = (None,) * len(names) if values is None else values
    return dict(zip(names, given, strict=True))


def _floats(record: dict[str, Any], names: tuple[str, ...]) -> tuple[float, ...] | None:
    """The values under some names, None where the first is null."""
    if record[names[0]] is None:
        return None
    return tuple(float(record[name]) for name in names)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a value without a name")
    return value


def _box(record: dict[str, Any]) -> BoxXyxy | None:
    sides = _floats(record, _SIDES)
    return None if sides is None else (sides[0], sides[1], sides[2], sides[3])


def _vad(record: dict[str, Any]) -> Vad | None:
    values = _floats(record, VAD)
    return None if values is None else (values[0], values[1], values[2])


def _face_record(face: Face) -> dict[str, Any]:
    points = face.landmarks_xy
    flat = None if points is None else [value for point in points for value in point]
    return {**_named(_SIDES, face.box_xyxy), "score": face.score, "landmarks": flat}


def _face(record: dict[str, Any]) -> Face:
    flat = None if record["landmarks"] is None else [float(v) for v in record["landmarks"]]
    points = None if flat is None else tuple(zip(flat[::2], flat[1::2], strict=True))
    box = _box(record)
    if box is None:
        raise TypeError("a face without a box")
    return Face(box, float(record["score"]), points)
