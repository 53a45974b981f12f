"""Manifests of people: what goes in comes out, and nothing unusable goes in or out."""

from __future__ import annotations

import hashlib
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

from affekt.data.manifests.manifest import FaceRow, Manifest, write_manifest
from affekt.data.manifests.people import (
    PersonManifest,
    PersonRow,
    Vote,
    manifest_kind,
    picture_of,
    read_person_picture,
    write_people,
)
from affekt.errors import DataError, OutputError
from affekt.labels import CATEGORIES
from affekt.results import Face

POINTS = ((2.0, 1.0), (4.0, 1.5), (3.0, 2.0), (2.5, 3.0), (3.5, 3.25))
ROW = PersonRow(
    id="set/a.png#0",
    source="mscoco",
    split="train",
    picture="a.png",
    width=8,
    height=6,
    box_xyxy=(0.5, 0.25, 6.0, 6.0),
    categories=("Doubt/Confusion", "Peace"),
    vad=(5.5, 1.0, 10.0),
    people=2,
    votes=(Vote(("Peace",), (5.0, 1.0, 10.0)), Vote(("Doubt/Confusion",)), Vote(())),
    face=Face((1.0, 0.5, 5.0, 4.0), 0.75, POINTS),
    gender="Female",
    age="Kid",
    leak="same person in train",
)
PLAIN = PersonRow("x#0", "mine", "val", None, 8, 6, (0.0, 0.0, 8.0, 6.0), (), None, 1)


def write(folder: Path, rows: list[PersonRow], root: str = ".") -> PersonManifest:
    write_people(folder, rows, root=root, note={"from": "a test"})
    return PersonManifest.open(folder)


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    other = replace(ROW, id="set/a.png#1", face=Face((1.0, 0.5, 5.0, 4.0), 0.5))
    manifest = write(tmp_path, [ROW, other, PLAIN])
    assert list(manifest.rows()) == [ROW, other, PLAIN]
    assert list(manifest.rows("val")) == [PLAIN]
    assert manifest.note == {"from": "a test"}
    assert manifest == PersonManifest.open(manifest.path)


names = st.lists(st.sampled_from(CATEGORIES), unique=True).map(tuple)
vads = st.none() | st.tuples(*[st.floats(1, 10)] * 3)


@settings(max_examples=25, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=("Cs",)), max_size=6),
    categories=names,
    vad=vads,
    votes=st.lists(st.builds(Vote, names, vads), max_size=3).map(tuple),
    box=st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(3.5, 8), st.floats(3.5, 6)),
    face=st.none()
    | st.builds(
        Face,
        st.tuples(*[st.floats(-9, 2)] * 2, *[st.floats(2.5, 9)] * 2),
        st.floats(0, 1),
        st.just(POINTS),
    ),
)
def test_any_row_survives_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, text: str, **drawn: object
) -> None:
    row = replace(
        PLAIN,
        id=text,
        gender=text,
        exclude=text or None,
        categories=drawn["categories"],
        vad=drawn["vad"],
        votes=drawn["votes"],
        box_xyxy=drawn["box"],
        face=drawn["face"],
    )
    manifest = write(tmp_path_factory.mktemp("round"), [row])
    assert list(manifest.rows(include_excluded=True)) == [row]


def test_excluded_rows_stay_in_the_file_and_out_of_use(tmp_path: Path) -> None:
    broken = PersonRow(
        "set/b.png#0", "s", "train", "b.png", 0, 0, (9.0, 9.0, 1.0, 1.0), (), None, 0,
        exclude="unreadable picture",
    )  # fmt: skip
    manifest = write(tmp_path, [ROW, broken])
    assert [row.id for row in manifest.rows()] == [ROW.id]
    assert list(manifest.rows(include_excluded=True)) == [ROW, broken]
    assert (manifest.count(), manifest.count("train"), manifest.count("val")) == (1, 1, 0)


def test_rows_are_grouped_by_picture_and_split(tmp_path: Path) -> None:
    rows = [
        ROW,
        replace(ROW, id="set/a.png#1"),
        replace(ROW, id="set/b.png#0"),
        replace(ROW, id="set/b.png#0", split="val"),
        replace(PLAIN, id="alone"),
    ]
    manifest = write(tmp_path, rows)
    assert [len(group) for group in manifest.pictures()] == [2, 1, 1, 1]
    assert [len(group) for group in manifest.pictures("train")] == [2, 1]
    assert [picture_of(row) for row in rows] == ["set/a.png"] * 2 + ["set/b.png"] * 2 + ["alone"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": "trian"}, "unknown split 'trian': did you mean 'train'"),
        ({"categories": ("Hapiness",)}, "unknown category 'Hapiness': did you mean 'Happiness'"),
        ({"votes": (Vote(("Joy",)),)}, "unknown category 'Joy'"),
        ({"vad": (float("nan"), 5.0, 5.0)}, "are not numbers from 1 to 10"),
        ({"vad": (0.5, 5.0, 5.0)}, "are not numbers from 1 to 10"),
        ({"votes": (Vote((), (5.0, 5.0, 11.0)),)}, "are not numbers from 1 to 10"),
        ({"width": 0}, "size 0 x 6 is empty"),
        ({"people": 0}, "0 people in the picture"),
        ({"box_xyxy": (0.0, float("nan"), 1.0, 1.0)}, "not made of numbers"),
        ({"box_xyxy": (3.0, 0.0, 3.0, 1.0)}, "no area"),
        ({"box_xyxy": (0.0, 0.0, 9.0, 1.0)}, "exceeds the picture of 8 x 6"),
    ],
)
def test_an_unusable_row_is_refused_and_leaves_no_file(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        write(tmp_path, [replace(PLAIN, **change)])  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_writing_keeps_the_old_file(tmp_path: Path) -> None:
    def interrupted() -> Iterator[PersonRow]:
        yield replace(ROW, id="new")
        raise KeyboardInterrupt

    write(tmp_path, [ROW])
    with pytest.raises(KeyboardInterrupt):
        write_people(tmp_path, interrupted(), root=".", note={})
    assert list(PersonManifest.open(tmp_path).rows()) == [ROW]
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.parquet"]


def test_the_note_may_be_what_was_counted_on_the_way(tmp_path: Path) -> None:
    seen: list[str] = []
    rows = (seen.append(row.id) or row for row in [ROW, PLAIN])
    write_people(tmp_path, rows, root=".", note=lambda: {"rows": str(len(seen))})
    assert PersonManifest.open(tmp_path).note == {"rows": "2"}


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    manifest = write(tmp_path, [ROW])
    assert manifest.fingerprint == hashlib.sha256(manifest.path.read_bytes()).hexdigest()
    before = manifest.fingerprint
    assert write(tmp_path, [replace(ROW, people=3)]).fingerprint != before


def test_faces_and_people_are_told_apart(tmp_path: Path) -> None:
    face = FaceRow("a", "s", "val", 1, 1, (0, 0, 1, 1), soft={"fear": 1.0}, path="a.png")
    write_manifest(tmp_path / "faces", [face], labels=("fear",), root="", note={})
    write(tmp_path / "people", [ROW])
    assert manifest_kind(tmp_path / "faces") == "faces"
    assert manifest_kind(tmp_path / "people" / "manifest.parquet") == "people"
    with pytest.raises(DataError, match="is a manifest of faces, here one of people is needed"):
        PersonManifest.open(tmp_path / "faces")
    with pytest.raises(DataError, match="is a manifest of people, here one of faces is needed"):
        Manifest.open(tmp_path / "people")


def rewrite(manifest: PersonManifest, **changes: str | None) -> None:
    """The manifest with other metadata; None takes a key away."""
    table = pq.read_table(manifest.path)
    meta = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    meta |= {key: value for key, value in changes.items() if value is not None}
    meta = {key: value for key, value in meta.items() if changes.get(key, "") is not None}
    pq.write_table(table.replace_schema_metadata(meta), manifest.path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"affekt_manifest_version": "99"}, "version 99, this affekt reads version 1: run"),
        ({"affekt_manifest_version": None}, "is not an affekt manifest"),
        ({"root": None}, "its metadata lacks 'root'"),
    ],
)
def test_another_versions_manifest_is_refused_by_name(
    tmp_path: Path, changes: dict[str, str | None], words: str
) -> None:
    manifest = write(tmp_path, [ROW])
    rewrite(manifest, **changes)
    with pytest.raises(DataError, match=words):
        PersonManifest.open(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    manifest = write(tmp_path, [ROW])
    pq.write_table(pq.read_table(manifest.path).drop_columns(["votes"]), manifest.path)
    with pytest.raises(DataError, match="lacks the column 'votes'"):
        PersonManifest.open(tmp_path)


def test_a_damaged_row_or_file_is_refused_when_read(tmp_path: Path) -> None:
    manifest = write(tmp_path, [ROW])
    table = pq.read_table(manifest.path)
    place = table.column_names.index("valence")
    broken = table.set_column(place, "valence", pa.array([float("nan")]))
    pq.write_table(broken, manifest.path)
    with pytest.raises(DataError, match=r"set/a\.png#0.* are not numbers"):
        list(manifest.rows())
    manifest.path.write_bytes(manifest.path.read_bytes()[:200])
    with pytest.raises(DataError, match="not a readable Parquet file"):
        list(manifest.rows())
    with pytest.raises(DataError, match="no manifest at"):
        manifest_kind(tmp_path / "nowhere")


def test_an_unwritable_place_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="the manifest cannot be written"):
        write(tmp_path / "file" / "out", [ROW])


def test_pictures_and_arrays_come_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    Image.new("RGB", (8, 6), (9, 80, 200)).save(tmp_path / "set" / "a.png")
    np.save(tmp_path / "set" / "b.npy", np.full((4, 4, 3), 7, np.uint8))
    manifest = write(tmp_path / "out", [ROW], root="../set")
    picture = read_person_picture(manifest, ROW)
    assert np.array_equal(picture, np.full((6, 8, 3), (9, 80, 200)))
    stretched = read_person_picture(manifest, replace(ROW, picture="b.npy"))
    assert np.array_equal(stretched, np.full((6, 8, 3), 7))


def test_missing_and_broken_pictures_are_named(tmp_path: Path) -> None:
    manifest = write(tmp_path, [ROW])
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    (tmp_path / "broken.npy").write_bytes(b"nothing")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(DataError, match=r"person 'set/a\.png#0' of 'mscoco': no picture at"):
        read_person_picture(manifest, ROW)
    for name in ("broken.png", "broken.npy", "objects.npy"):
        with pytest.raises(DataError, match=rf"person 'set/a\.png#0' of 'mscoco': .*{name}"):
            read_person_picture(manifest, replace(ROW, picture=name))
    with pytest.raises(DataError, match="holds labels without pictures"):
        read_person_picture(manifest, PLAIN)
