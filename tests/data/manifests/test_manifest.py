"""Manifests: what goes in comes out, of faces as of people, and nothing unusable goes in or out."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.parquet import ROWS_PER_GROUP, manifest_file
from affekt.data.manifests.pictures import read_face_crop, read_row_picture
from affekt.data.manifests.row import Row, Vote
from affekt.data.manifests.targets import hard_labels, targets_of
from affekt.errors import DataError, OutputError
from affekt.files import unfinished
from affekt.heads import KINDS_OF_HEADS, Kind
from affekt.labels import CATEGORIES, PRIMARY_AND_CONTEMPT
from affekt.results import Face
from fakes.rows import FACES, PEOPLE

POINTS = ((2.0, 1.0), (4.0, 1.5), (3.0, 2.0), (2.5, 3.0), (3.5, 3.25))
LABELS = {**FACES, **PEOPLE}
NAN, INF = float("nan"), float("inf")


def png(side: int = 4, colour: tuple[int, int, int] = (9, 80, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


FACE = Row(
    id="a",
    source="mine",
    split="train",
    width=4,
    height=4,
    face=Face((-0.5, 0.25, 4.5, 4.0), 1.0),
    shares={**dict.fromkeys(PRIMARY_AND_CONTEMPT, 0.0), "fear": 0.25, "anger": 0.75},
    label="anger",
    content=png(),
    majority=True,
    unit="s1",
)
PERSON = Row(
    id="set/a.png#0",
    source="mscoco",
    split="train",
    medium="a.png",
    width=8,
    height=6,
    box_xyxy=(0.5, 0.25, 6.0, 6.0),
    categories=("Doubt/Confusion", "Peace"),
    vad=(5.5, 1.0, 10.0),
    people=2,
    votes=(Vote(("Peace",), (5.0, 1.0, 10.0)), Vote(("Doubt/Confusion",)), Vote(())),
    face=Face((1.0, 0.5, 5.0, 4.0), 0.75, POINTS),
    groups={"gender": "Female", "age": "Kid"},
    span_s=(0.5, 2.0),
    leak="same person in train",
)
PLAIN = Row(
    id="x#0", source="mine", split="val", width=8, height=6, box_xyxy=(0.0, 0.0, 8.0, 6.0),
    categories=(), unit="x",
)  # fmt: skip


def write(folder: Path, rows: list[Row], **kwargs: Any) -> Manifest:
    options = {"labels": LABELS, "root": "", "note": {"from": "a test"}} | kwargs
    write_manifest(folder, rows, **options)
    return Manifest.open(folder)


def test_faces_and_people_come_back_as_written(tmp_path: Path) -> None:
    rows = [
        FACE,
        replace(FACE, id="b", split="val", label=None, content=None, medium="x.png", majority=None),
        PERSON,
        replace(PERSON, id="set/a.png#1", face=Face((1.0, 0.5, 5.0, 4.0), 0.5)),
        PLAIN,
    ]
    manifest = write(tmp_path, rows, unit="subject")
    assert list(manifest.rows()) == rows
    assert list(manifest.rows("val")) == [rows[1], PLAIN]
    assert (manifest.labels, manifest.unit) == (LABELS, "subject")
    assert manifest.note == {"from": "a test"}
    assert manifest.path == tmp_path / "manifest.parquet"
    assert Manifest.open(manifest.path) == manifest


names = st.lists(st.sampled_from(CATEGORIES), unique=True).map(tuple)
vads = st.none() | st.tuples(*[st.floats(1, 10)] * 3)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
votes = st.lists(st.integers(0, 10), min_size=8, max_size=8).filter(any)


@settings(max_examples=25, deadline=None)
@given(
    text=texts,
    drawn=st.fixed_dictionaries(
        {
            "categories": names,
            "vad": vads,
            "votes": st.lists(st.builds(Vote, names, vads), max_size=3).map(tuple),
            "shares": st.just({})
            | votes.map(lambda n: dict(zip(PRIMARY_AND_CONTEMPT, np.divide(n, sum(n)).tolist(),
                                           strict=True))),
            "box_xyxy": st.tuples(
                st.floats(0, 3), st.floats(0, 3), st.floats(3.5, 8), st.floats(3.5, 6)
            ),
            "face": st.none()
            | st.builds(
                Face,
                st.tuples(*[st.floats(-9, 2)] * 2, *[st.floats(2.5, 9)] * 2),
                st.floats(0, 1),
                st.just(POINTS),
            ),
            "groups": st.dictionaries(texts, texts, max_size=2),
            "span_s": st.none() | st.tuples(st.floats(0, 1), st.floats(1.5, 9)),
        }
    ),
)  # fmt: skip
def test_any_row_survives_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, text: str, drawn: dict[str, Any]
) -> None:
    row = replace(PLAIN, id=text, exclude=text or None, unit=text, **drawn)
    manifest = write(tmp_path_factory.mktemp("round"), [row])
    assert list(manifest.rows(include_excluded=True)) == [row]


def test_excluded_rows_stay_in_the_file_and_out_of_use(tmp_path: Path) -> None:
    broken = Row(
        id="b", source="s", split="train", width=0, height=0, medium="b.png",
        box_xyxy=(9.0, 9.0, 1.0, 1.0), people=0, exclude="unreadable",
    )  # fmt: skip
    manifest = write(tmp_path, [PERSON, broken, replace(PERSON, id="c", split="test")])
    assert [row.id for row in manifest.rows()] == [PERSON.id, "c"]
    assert [row.id for row in manifest.rows("test")] == ["c"]
    assert list(manifest.rows("train", include_excluded=True)) == [PERSON, broken]
    assert (manifest.count(), manifest.count("train"), manifest.count("val")) == (2, 1, 0)


def test_rows_are_grouped_by_picture_and_split(tmp_path: Path) -> None:
    rows = [
        PERSON,
        replace(PERSON, id="1", unit="another subject"),
        replace(PERSON, medium="b.png"),
        replace(PERSON, medium="b.png", split="val"),
        replace(PLAIN, unit="alone"),
        replace(PLAIN, id="2", unit="alone"),
        replace(FACE, id="3", unit=None),
        replace(FACE, id="4", unit=None),
    ]
    manifest = write(tmp_path, rows)
    assert [len(group) for group in manifest.pictures()] == [2, 1, 1, 2, 1, 1]
    assert [len(group) for group in manifest.pictures("val")] == [1, 2]


def test_rows_are_streamed_into_groups(tmp_path: Path) -> None:
    """Nothing asks for a row before those of the group before it are on disk."""
    sizes: list[int] = []

    def rows() -> Iterator[Row]:
        for number in range(2 * ROWS_PER_GROUP + 1):
            if number % ROWS_PER_GROUP == 0 and number:
                sizes.append(unfinished(tmp_path / "manifest.parquet")[0].stat().st_size)
            yield replace(FACE, id=str(number))

    assert write_manifest(tmp_path, rows(), labels=LABELS, root="", note={}) == 2049
    file = pq.ParquetFile(tmp_path / "manifest.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    assert groups == [1024, 1024, 1]
    assert sizes[1] > sizes[0]
    assert [row.id for row in Manifest.open(tmp_path).rows()] == [str(n) for n in range(2049)]


@pytest.mark.parametrize(
    ("row", "change", "words"),
    [
        (PLAIN, {"split": "trian"}, "unknown split 'trian': did you mean 'train'"),
        (FACE, {"label": "hapiness"}, "unknown label 'hapiness' of primary: did you mean 'happi"),
        (FACE, {"shares": {"joy": 1.0}}, "unknown label 'joy' of primary"),
        (FACE, {"shares": {"fear": NAN, "anger": 1.0}}, "shares must be numbers"),
        (FACE, {"shares": {"fear": -0.5, "anger": 1.5}}, "shares must be numbers"),
        (FACE, {"shares": {"fear": 0.5}}, "shares must sum to 1"),
        (FACE, {"shares": {}}, "it has no label of primary or categories or vad"),
        (FACE, {"face": Face((0.0, 0.0, NAN, 1.0), 1.0)}, "is not made of numbers"),
        (FACE, {"face": Face((3.0, 0.0, 3.0, 1.0), 1.0)}, "no area"),
        (FACE, {"face": None}, "neither the person's box nor a picture with a face"),
        (FACE, {"content": None}, "neither the person's box nor a picture with a face"),
        (PLAIN, {"categories": ("Hapiness",)}, "unknown label 'Hapiness' of categories: did you"),
        (PLAIN, {"votes": (Vote(("Joy",)),)}, "unknown label 'Joy' of categories"),
        (PLAIN, {"vad": (NAN, 5.0, 5.0)}, "are not numbers from 1 to 10"),
        (PLAIN, {"vad": (0.5, 5.0, 5.0)}, "are not numbers from 1 to 10"),
        (PLAIN, {"votes": (Vote((), (5.0, 5.0, 11.0)),)}, "are not numbers from 1 to 10"),
        (PLAIN, {"width": 0}, "size 0 x 6 is empty"),
        (PLAIN, {"people": 0}, "0 people in the picture"),
        (PLAIN, {"box_xyxy": (0.0, NAN, 1.0, 1.0)}, "not made of numbers"),
        (PLAIN, {"box_xyxy": (3.0, 0.0, 3.0, 1.0)}, "no area"),
        (PLAIN, {"box_xyxy": (0.0, 0.0, 9.0, 1.0)}, "exceeds the picture of 8 x 6"),
        (PLAIN, {"span_s": (2.0, 2.0)}, "is not two rising numbers of seconds"),
        (PLAIN, {"span_s": (0.0, INF)}, "is not two rising numbers of seconds"),
    ],
)
def test_an_unusable_row_is_refused_and_leaves_no_file(
    tmp_path: Path, row: Row, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=f"row '{row.id}' of 'mine': .*{words}"):
        write(tmp_path, [replace(row, **change)])
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
        ("p_fear", NAN, "shares must be numbers"),
        ("label", "joyful", "unknown label"),
        ("split", "dev", "unknown split"),
        ("x2", NAN, "not made of numbers"),
        ("x2", None, "lacks a part of a value"),
        ("valence", NAN, r"row 'set/a\.png#0' of 'mscoco': .* are not numbers"),
        ("arousal", None, "lacks a part of a value"),
        ("votes", [{"categories": None}], "lacks a part of a value"),
        ("face", {"score": 0.5}, "lacks a part of a value"),
        ("groups", [{"name": "gender", "value": None}], "lacks a part of a value"),
        ("end_s", None, "lacks a part of a value"),
    ],
)
def test_a_damaged_row_is_refused_when_read(
    tmp_path: Path, column: str, value: object, words: str
) -> None:
    manifest = write(tmp_path, [PERSON])
    edit(manifest, column, [value])
    with pytest.raises(DataError, match=words):
        list(manifest.rows())


def test_a_damaged_file_is_refused_when_read(tmp_path: Path) -> None:
    manifest = write(tmp_path, [PERSON])
    manifest.path.write_bytes(manifest.path.read_bytes()[:200])
    with pytest.raises(DataError, match="not a readable Parquet file"):
        list(manifest.rows())


def test_an_interrupted_writing_keeps_the_old_file(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Row]:
        yield replace(PERSON, id="new")
        raise KeyboardInterrupt

    write(tmp_path, [PERSON])
    with pytest.raises(KeyboardInterrupt):
        write_manifest(tmp_path, interrupted(), labels=LABELS, root=".", note={})
    assert list(Manifest.open(tmp_path).rows()) == [PERSON]
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.parquet"]


def test_the_note_may_be_what_was_counted_on_the_way(tmp_path: Path) -> None:
    seen: list[str] = []
    rows = (seen.append(row.id) or row for row in [PERSON, PLAIN])
    manifest = write(tmp_path, rows, note=lambda: {"rows": str(len(seen))})  # type: ignore[arg-type]
    assert manifest.note == {"rows": "2"}


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    manifest = write(tmp_path, [PERSON])
    assert manifest.fingerprint == hashlib.sha256(manifest.path.read_bytes()).hexdigest()
    before = manifest.fingerprint
    assert write(tmp_path, [replace(PERSON, people=3)]).fingerprint != before


def test_an_unwritable_place_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="the manifest cannot be written"):
        write(tmp_path / "file" / "out", [PERSON])


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
        ("affekt_manifest_version", "1", "version 1, this affekt reads version 2: prepare again"),
        ("affekt_manifest_version", None, "is not an affekt manifest"),
        ("root", None, "its metadata lacks 'root'"),
        ("unit", "film", "unknown unit 'film'"),
        ("labels", ["fear"], "is not a table of names by head"),
        ("labels", {}, "names no head"),
        ("labels", {"moods": ["good"]}, "unknown head 'moods'"),
        ("labels", {"primary": ["fear", 1]}, "primary is not a list of names"),
        ("labels", {"primary": ["fear", "fear"]}, "primary has 'fear' twice"),
        ("labels", {"vad": ["a", "b", "c"]}, "vad is other than valence, arousal, dominance"),
        ("labels", {"primary": ["boredom"]}, "lacks the column 'p_boredom'"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(
    tmp_path: Path, key: str, value: object, words: str
) -> None:
    manifest = write(tmp_path, [PERSON])
    table = pq.read_table(manifest.path)
    meta = {name.decode(): content for name, content in table.schema.metadata.items()}
    meta[key] = value if isinstance(value, str) else json.dumps(value)
    if value is None:
        del meta[key]
    pq.write_table(table.replace_schema_metadata(meta), manifest.path)
    with pytest.raises(DataError, match=words):
        Manifest.open(manifest.path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    manifest = write(tmp_path, [PERSON])
    pq.write_table(pq.read_table(manifest.path).drop_columns(["votes"]), manifest.path)
    with pytest.raises(DataError, match="lacks the column 'votes'"):
        Manifest.open(tmp_path)


def test_a_set_may_have_labels_of_its_own(tmp_path: Path) -> None:
    labels = {"primary": ("calm", "cross"), "categories": ("Hungry",)}
    row = replace(FACE, shares={"calm": 0.0, "cross": 1.0}, label="cross", categories=("Hungry",))
    manifest = write(tmp_path, [row], labels=labels)
    assert manifest.labels == labels and list(manifest.rows()) == [row]


def test_pictures_come_from_bytes_or_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    Image.new("RGB", (8, 6), (9, 80, 200)).save(tmp_path / "set" / "a.png")
    np.save(tmp_path / "set" / "b.npy", np.full((4, 4, 3), 7, np.uint8))
    manifest = write(tmp_path / "out", [FACE, PERSON], root="../set")
    packed, read = (read_row_picture(manifest, row) for row in manifest.rows())
    assert packed.shape == (4, 4, 3)
    assert np.array_equal(read, np.full((6, 8, 3), (9, 80, 200)))
    stretched = read_row_picture(manifest, replace(PERSON, medium="b.npy"))
    assert np.array_equal(stretched, np.full((6, 8, 3), 7))


def test_pictures_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    manifest = write(tmp_path, [PERSON])
    (tmp_path / "broken.png").write_bytes(png()[:40])
    (tmp_path / "other.png").write_bytes(png(5))
    (tmp_path / "broken.npy").write_bytes(b"nothing")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(DataError, match=r"row 'set/a\.png#0' of 'mscoco': no picture at"):
        read_row_picture(manifest, PERSON)
    for name in ("broken.png", "broken.npy", "objects.npy"):
        with pytest.raises(DataError, match=rf"row 'set/a\.png#0' of 'mscoco': .*{name}"):
            read_row_picture(manifest, replace(PERSON, medium=name))
    with pytest.raises(DataError, match=r"other\.png has 5 x 5 pixels, the manifest says 8 x 6"):
        read_row_picture(manifest, replace(PERSON, medium="other.png"))
    with pytest.raises(DataError, match="holds its labels without a picture"):
        read_row_picture(manifest, PLAIN)
    with pytest.raises(DataError, match="it has no face"):
        read_face_crop(manifest, PLAIN, 8)


def test_an_unknown_split_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown split 'valid': did you mean 'val'"):
        next(write(tmp_path, [FACE]).rows("valid"))


OTHERS = {"posture": ("lying", "standing"), "traits": ("tall", "old"), "age": ("years",)}


@pytest.fixture
def _three_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    for head, kind in zip(OTHERS, Kind, strict=True):
        monkeypatch.setitem(KINDS_OF_HEADS, head, kind)


@pytest.mark.usefixtures("_three_heads")
def test_labels_of_further_heads_come_back_by_their_names(tmp_path: Path) -> None:
    said = {"posture": {"lying": 0.25, "standing": 0.75}, "traits": {"old": 1.0}, "age": {}}
    rows = [replace(PERSON, others=said, categories=None, vad=None, votes=()), PERSON]
    rows[1] = replace(rows[1], id="b", others={"age": {"years": 41.5}})
    write_manifest(tmp_path, rows, labels={**LABELS, **OTHERS}, root=".", note={})
    assert [row.others for row in Manifest.open(tmp_path).rows()] == [said, rows[1].others]
    targets = targets_of(rows, OTHERS)
    np.testing.assert_array_equal(targets["posture"], [[0.25, 0.75], [np.nan, np.nan]])
    np.testing.assert_array_equal(targets["traits"], [[0, 1], [np.nan, np.nan]])
    np.testing.assert_array_equal(targets["age"], [[np.nan], [41.5]])
    assert hard_labels(rows, "posture", OTHERS["posture"]).tolist() == [1, -1]
    even = replace(PERSON, others={"posture": {"lying": 0.5, "standing": 0.5}})
    assert hard_labels([even], "posture", OTHERS["posture"]).tolist() == [-1]


@pytest.mark.usefixtures("_three_heads")
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"posture": {"lyin": 1.0}}, "unknown label 'lyin' of posture: did you mean 'lying'"),
        ({"postur": {"lying": 1.0}}, "unknown label 'lying' of postur: known: "),
        ({"posture": {"lying": 0.5}}, "shares must sum to 1"),
        ({"posture": {"lying": NAN, "standing": 1.0}}, "shares must be numbers from 0 to 1"),
        ({"traits": {"old": NAN}}, "traits is {'old': nan}, expected finite numbers"),
        ({"age": {"years": INF}}, "age is {'years': inf}, expected finite numbers"),
    ],
)
def test_labels_of_further_heads_that_cannot_be_used_are_refused(
    tmp_path: Path, said: dict[str, dict[str, float]], message: str
) -> None:
    rows = [replace(PERSON, others=said)]
    with pytest.raises(DataError) as caught:
        write_manifest(tmp_path, rows, labels={**LABELS, **OTHERS}, root=".", note={})
    assert message in str(caught.value)
