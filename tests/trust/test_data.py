"""Boxes, manifests and the annotations of data sets, damaged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_array, read_row_picture
from affekt.data.sets.emotic.csv import ARRAY_COLUMNS, TANDON_COLUMNS, read_arrays, read_tandon
from affekt.data.sets.emotic.mat import read_mat
from affekt.data.sets.ferplus import CLASSES, CSV_NAME, read_ferplus
from affekt.data.survey.survey import survey_people
from affekt.errors import DataError, MediaError, UsageError
from affekt.inference.boxes_file import read_boxes
from affekt.labels import CATEGORIES
from fakes.feeding import MANY, feed_all, write_then
from fakes.mutations import mutate_bytes, mutate_json, mutate_values

BOXES = [
    {"source": "a.jpg", "x1": 1, "y1": 2, "x2": 30.5, "y2": 40, "who": "Ann"},
    {"source": "in/b.jpg", "x1": 0, "y1": 0, "x2": 9, "y2": 9},
]


def boxes_are_boxes(path: Path) -> None:
    boxes = read_boxes(path)
    for x1, y1, x2, y2 in (*boxes.of("a.jpg"), *boxes.of("in/b.jpg")):
        assert -np.inf < x1 < x2 < np.inf and -np.inf < y1 < y2 < np.inf


def test_boxes_in_json(tmp_path: Path) -> None:
    feed = write_then(tmp_path / "boxes.json", boxes_are_boxes)
    feed_all(mutate_json(BOXES, MANY), feed, UsageError)


def test_boxes_in_csv(tmp_path: Path) -> None:
    rows = "".join(f"{','.join(str(v) for v in row.values())}\n" for row in BOXES)
    content = f"source,x1,y1,x2,y2,who\n{rows}".encode()
    feed = write_then(tmp_path / "boxes.csv", boxes_are_boxes)
    feed_all(mutate_bytes(content, MANY), feed, UsageError)


def mutate_table(content: bytes) -> Iterator[bytes]:
    """Parquet files that are whole, in which the rows or the description say something else."""
    table = pq.read_table(pa.BufferReader(content))
    schema = pa.schema([field.with_nullable(True) for field in table.schema])
    meta = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    plain = {"rows": table.to_pylist(), "meta": meta}
    for changed, types in zip(mutate_values(plain, MANY), cycle((schema, None)), strict=False):
        try:
            said = {
                k: v if isinstance(v, str) else json.dumps(v) for k, v in changed["meta"].items()
            }
            yield parquet(pa.Table.from_pylist(changed["rows"], types), said)
        except (
            pa.ArrowException,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ):
            continue  # no Parquet file holds that


def parquet(table: pa.Table, meta: Mapping[str, str]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(dict(meta)), sink)
    return bytes(sink.getvalue().to_pybytes())


def test_manifests_of_faces(tmp_path: Path, write_faces: Callable[..., Manifest]) -> None:
    content = write_faces(tmp_path, "drawn", ("anger", "fear"), {"val": 1}).path.read_bytes()

    def read(path: Path) -> None:
        manifest = Manifest.open(path)
        manifest.count("val")
        for row in manifest.rows(include_excluded=True):
            read_row_picture(manifest, row)

    feed = write_then(tmp_path / "m.parquet", read)
    feed_all(mutate_bytes(content, MANY), feed, DataError)
    feed_all(mutate_table(content), feed, DataError, names=True)


def test_manifests_of_people(tmp_path: Path, write_drawn_people: Callable[..., Manifest]) -> None:
    content = write_drawn_people(tmp_path, {"val": (2, 1)}).path.read_bytes()

    def read(path: Path) -> None:
        manifest = Manifest.open(path)
        survey_people(manifest)
        for people in manifest.pictures():
            read_row_picture(manifest, people[0])

    feed = write_then(tmp_path / "m.parquet", read)
    feed_all(mutate_bytes(content, MANY), feed, DataError)
    feed_all(mutate_table(content), feed, DataError, names=True)


def test_packed_pictures(tmp_path: Path, write_faces: Callable[..., Manifest]) -> None:
    manifest = write_faces(tmp_path, counts={"val": 1})
    row = next(manifest.rows())
    assert row.content is not None

    def read(content: bytes) -> None:
        picture = read_row_picture(manifest, replace(row, content=content))
        assert picture.dtype == np.uint8 and picture.shape[2:] == (3,)

    read(row.content)
    feed_all(mutate_bytes(row.content, MANY), read, DataError, MediaError)


def test_pictures_as_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 4, 3), np.uint8))
    content = (tmp_path / "a.npy").read_bytes()
    feed_all(mutate_bytes(content, MANY), write_then(tmp_path / "a.npy", read_array), MediaError)


def test_the_official_annotations(tmp_path: Path, write_emotic: Callable[..., Path]) -> None:
    path = write_emotic(tmp_path) / "Annotations" / "Annotations.mat"
    plain = path.read_bytes()
    feed = write_then(path, lambda p: list(read_mat(p)))
    feed_all(mutate_bytes(plain, MANY), feed, DataError)


TANDON = (
    f"{','.join(TANDON_COLUMNS)}\n"
    'mscoco/images,COCO_1.jpg,"[96, 64]","[5, 5, 45, 60]","[\'Peace\']","[5, 4, 7]",Male,Kid\n'
)
ARRAYS = (
    f"{','.join((*ARRAY_COLUMNS, *CATEGORIES))}\n"
    f"COCO_1.jpg,96,64,5,5,45,60,5,4,7,Male,Kid,a.npy,{','.join('1' * len(CATEGORIES))}\n"
)
FERPLUS = (
    f"Usage,Image name,{','.join(CLASSES)}\n"
    f"Training,fer0000000.png,{','.join('1' * len(CLASSES))}\n"
    f"PrivateTest,fer0000001.png,10,{','.join('0' * (len(CLASSES) - 1))}\n"
)


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("train.csv", TANDON, lambda path: list(read_tandon({path: "train"}))),
        ("annot_arrs_train.csv", ARRAYS, lambda path: list(read_arrays({path: "train"}))),
        (CSV_NAME, FERPLUS, lambda path: read_ferplus(path.parent)),
    ],
)
def test_annotations_in_csv(
    tmp_path: Path, name: str, content: str, read: Callable[[Path], object]
) -> None:
    feed = write_then(tmp_path / name, read)
    feed_all(mutate_bytes(content.encode(), MANY), feed, DataError)
