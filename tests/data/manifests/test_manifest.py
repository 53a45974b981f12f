"""Manifests: what goes in comes out, and nothing unusable goes in or out."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.data.manifests.manifest import FaceRow, Manifest, read_face_picture, write_manifest
from affekt.data.manifests.parquet import ROWS_PER_GROUP, manifest_file
from affekt.errors import DataError, OutputError
from affekt.files import unfinished
from affekt.labels import PRIMARY, PRIMARY_AND_CONTEMPT


def png(side: int = 4, colour: tuple[int, int, int] = (9, 80, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


ROW = FaceRow(
    id="a",
    source="mine",
    split="train",
    width=4,
    height=4,
    box_xyxy=(-0.5, 0.25, 4.5, 4.0),
    roll=3.5,
    soft={"fear": 0.25, "anger": 0.75},
    label="anger",
    content=png(),
    majority=True,
    subject="s1",
)


def write(folder: Path, rows: list[FaceRow], **kwargs: object) -> Manifest:
    options = {"labels": PRIMARY, "root": "", "note": {"from": "a test"}} | kwargs
    write_manifest(folder, rows, **options)  # type: ignore[arg-type]
    return Manifest.open(folder)


def filled(row: FaceRow, labels: tuple[str, ...] = PRIMARY) -> FaceRow:
    """A row as it is read: every label has its share."""
    return replace(row, soft={label: row.soft.get(label, 0.0) for label in labels})


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    other = replace(ROW, id="b", split="val", label=None, content=None, path="x.png", majority=None)
    manifest = write(tmp_path, [ROW, other])
    assert list(manifest.rows()) == [filled(ROW), filled(other)]
    assert manifest.labels == PRIMARY
    assert manifest.note == {"from": "a test"}
    assert manifest.path == tmp_path / "manifest.parquet"
    assert Manifest.open(manifest.path) == manifest


number = st.floats(-1e4, 1e4, allow_nan=False)


@settings(max_examples=25, deadline=None)
@given(
    corner=st.tuples(number, number),
    size=st.tuples(st.floats(1e-3, 1e4), st.floats(1e-3, 1e4)),
    votes=st.lists(st.integers(0, 10), min_size=8, max_size=8).filter(any),
    name=st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
)
def test_any_row_survives_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    corner: tuple[float, float],
    size: tuple[float, float],
    votes: list[int],
    name: str,
) -> None:
    shares = [count / sum(votes) for count in votes]
    soft = dict(zip(PRIMARY_AND_CONTEMPT, shares, strict=True))
    box = (*corner, corner[0] + size[0], corner[1] + size[1])
    row = replace(ROW, id=name, subject=name, soft=soft, box_xyxy=box)
    folder = tmp_path_factory.mktemp("round")
    assert list(write(folder, [row], labels=PRIMARY_AND_CONTEMPT).rows()) == [row]


def test_excluded_rows_stay_in_the_file_and_out_of_use(tmp_path: Path) -> None:
    broken = FaceRow("b", "mine", "train", 0, 0, (0, 0, 0, 0), path="b.jpg", exclude="unreadable")
    manifest = write(tmp_path, [ROW, broken, replace(ROW, id="c", split="test")])
    assert [row.id for row in manifest.rows()] == ["a", "c"]
    assert [row.id for row in manifest.rows(include_excluded=True)] == ["a", "b", "c"]
    assert [row.exclude for row in manifest.rows("train", include_excluded=True)] == [
        None,
        "unreadable",
    ]
    assert [row.id for row in manifest.rows("test")] == ["c"]
    assert (manifest.count(), manifest.count("train"), manifest.count("val")) == (2, 1, 0)


def test_rows_are_streamed_into_groups(tmp_path: Path) -> None:
    """Nothing asks for a row before those of the group before it are on disk."""
    sizes: list[int] = []

    def rows() -> Iterator[FaceRow]:
        for number in range(2 * ROWS_PER_GROUP + 1):
            if number % ROWS_PER_GROUP == 0 and number:
                sizes.append(unfinished(tmp_path / "manifest.parquet")[0].stat().st_size)
            yield replace(ROW, id=str(number))

    assert write_manifest(tmp_path, rows(), labels=PRIMARY, root="", note={}) == 2049
    file = pq.ParquetFile(tmp_path / "manifest.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    assert groups == [1024, 1024, 1]
    assert sizes[1] > sizes[0]
    assert [row.id for row in Manifest.open(tmp_path).rows()] == [str(n) for n in range(2049)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": "trian"}, "unknown split 'trian': did you mean 'train'"),
        ({"label": "hapiness"}, "unknown label 'hapiness': did you mean 'happiness'"),
        ({"soft": {"joy": 1.0}}, "unknown label 'joy'"),
        ({"soft": {"fear": float("nan"), "anger": 1.0}}, "shares must be numbers"),
        ({"soft": {"fear": -0.5, "anger": 1.5}}, "shares must be numbers"),
        ({"soft": {"fear": 0.5}}, "shares must sum to 1"),
        ({"soft": {}}, "shares must sum to 1"),
        ({"box_xyxy": (0.0, 0.0, float("nan"), 1.0)}, "not a number"),
        ({"roll": float("inf")}, "not a number"),
        ({"box_xyxy": (3.0, 0.0, 3.0, 1.0)}, "no area"),
        ({"content": None}, "neither a path nor packed bytes"),
    ],
)
def test_an_unusable_row_is_refused_and_leaves_no_file(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError, match=f"face 'a' of 'mine': .*{words}"):
        write(tmp_path, [replace(ROW, **change)])  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def edit(manifest: Manifest, column: str, values: list[object]) -> None:
    table = pq.read_table(manifest.path)
    place = table.column_names.index(column)
    field = table.schema.field(column)
    changed = table.set_column(place, field, pa.array(values, field.type))
    pq.write_table(changed, manifest.path)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("p_fear", float("nan"), "shares must be numbers"),
        ("label", "joyful", "unknown label"),
        ("split", "dev", "unknown split"),
        ("x2", float("nan"), "not a number"),
    ],
)
def test_a_damaged_row_is_refused_when_read(
    tmp_path: Path, column: str, value: object, words: str
) -> None:
    manifest = write(tmp_path, [ROW])
    edit(manifest, column, [value])
    with pytest.raises(DataError, match=words):
        list(manifest.rows())
    with pytest.raises(DataError, match=words):
        manifest.verify()


def test_an_interrupted_writing_keeps_the_old_file(tmp_path: Path) -> None:
    def interrupted() -> Iterator[FaceRow]:
        yield replace(ROW, id="new")
        raise KeyboardInterrupt

    write(tmp_path, [ROW])
    with pytest.raises(KeyboardInterrupt):
        write_manifest(tmp_path, interrupted(), labels=PRIMARY, root="", note={})
    assert [row.id for row in Manifest.open(tmp_path).rows()] == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.parquet"]


def test_an_unwritable_place_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="the manifest cannot be written"):
        write_manifest(tmp_path / "file" / "out", [ROW], labels=PRIMARY, root="", note={})


def test_what_is_no_manifest_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no manifest at .*affekt prepare"):
        Manifest.open(tmp_path)
    file = manifest_file(tmp_path)
    file.write_text("not Parquet")
    with pytest.raises(DataError, match=r"manifest\.parquet is not a readable Parquet file"):
        Manifest.open(tmp_path)
    pq.write_table(pa.table({"a": [1]}), file)
    with pytest.raises(DataError, match="is not an affekt manifest"):
        Manifest.open(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("affekt_manifest_version", "99", "version 99, this affekt reads version 1"),
        ("labels", json.dumps([*PRIMARY, "boredom"]), "unknown label 'boredom'"),
        ("labels", json.dumps([*PRIMARY, "contempt"]), "lacks the column 'p_contempt'"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(
    tmp_path: Path, key: str, value: str, words: str
) -> None:
    manifest = write(tmp_path, [ROW])
    table = pq.read_table(manifest.path)
    pq.write_table(
        table.replace_schema_metadata({**table.schema.metadata, key.encode(): value}), manifest.path
    )
    with pytest.raises(DataError, match=words):
        Manifest.open(manifest.path)


def test_pictures_come_from_bytes_or_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "b.png").write_bytes(png(5, (200, 10, 30)))
    named = replace(ROW, id="b", content=None, path="b.png")
    manifest = write(tmp_path / "out", [ROW, named], root="../set")
    packed, read = (read_face_picture(manifest, row) for row in manifest.rows())
    assert packed.shape == (4, 4, 3)
    assert np.array_equal(read, np.full((5, 5, 3), (200, 10, 30)))
    manifest.verify()


def test_missing_and_broken_pictures_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(png()[:40])
    gone = replace(ROW, content=None, path="gone.png")
    broken = replace(ROW, id="b", content=None, path="broken.png")
    manifest = write(tmp_path, [gone, broken])
    with pytest.raises(DataError, match=r"1 pictures are missing, the first is .*gone\.png"):
        manifest.verify()
    with pytest.raises(DataError, match=r"face 'a' of 'mine': no picture at .*gone\.png"):
        read_face_picture(manifest, gone)
    with pytest.raises(DataError, match=r"face 'b' of 'mine': .*broken\.png"):
        read_face_picture(manifest, broken)


def test_an_unknown_split_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown split 'valid': did you mean 'val'"):
        next(write(tmp_path, [ROW]).rows("valid"))
