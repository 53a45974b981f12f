"""EMOTIC into a manifest: every trap of the set is met by name, and nothing is dropped."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.manifests.row import Row, Vote
from affekt.data.sets.emotic import prepare
from affekt.data.sets.emotic import rows as emotic_rows
from affekt.data.sets.emotic.prepare import WINDOW, prepare_emotic
from affekt.errors import DataError, OutputError
from affekt.media import ImageRgb
from affekt.results import Face

WriteEmotic = Callable[..., Path]


def no_faces(image_rgb: ImageRgb) -> list[Face]:
    return []


def tiny_emotic_like(count: int) -> dict[str, list[dict[str, object]]]:
    """``count`` one-person pictures in train, one in each of the others, without any trap."""
    mark = np.array(["Peace"])
    rated = {"valence": 5, "arousal": 5, "dominance": 5}

    def entry(name: str) -> dict[str, object]:
        person = {
            "body_bbox": np.array([[4.0, 4.0, 20.0, 30.0]]),
            "annotations_categories": {"categories": mark},
            "annotations_continuous": rated,
            "gender": "Male",
            "age": "Adult",
        }
        size = {"n_col": 40, "n_row": 32}
        return {
            "filename": name, "folder": "mscoco/images", "image_size": size, "person": person,
        }  # fmt: skip

    train = [entry(f"COCO_p{number}.jpg") for number in range(count)]
    return {"train": train, "val": [entry("COCO_v.jpg")], "test": [entry("COCO_t.jpg")]}


def by_id(folder: Path) -> dict[str, Row]:
    return {row.id: row for row in Manifest.open(folder).rows(include_excluded=True)}


def prepared(folder: Path, **options: object) -> dict[str, Row]:
    out = folder.parent / "out"
    prepare_emotic(folder, out, **({"detect": None} | options))  # type: ignore[arg-type]
    return by_id(out)


def test_every_person_is_a_row_and_every_exclusion_has_its_reason(tiny_emotic: Path) -> None:
    rows = prepared(tiny_emotic)
    assert {name: row.exclude for name, row in rows.items() if row.exclude} == {
        "train/framesdb/frame_1.jpg#1": emotic_rows.DUPLICATE,
        "train/ade20k/ADE_1.jpg#0": emotic_rows.MISSING,
        "train/mscoco/COCO_2.jpg#0": emotic_rows.UNREADABLE,
        "train/mscoco/COCO_3.jpg#0": emotic_rows.OUTSIDE,
        "train/mscoco/COCO_3.jpg#1": emotic_rows.NO_AREA,
        "train/mscoco/COCO_3.jpg#3": emotic_rows.NO_CATEGORY,
        "train/mscoco/COCO_4.jpg#0": emotic_rows.OTHER_SIZE,
    }
    assert Counter(row.split for row in rows.values()) == {"train": 14, "val": 3, "test": 2}


def test_rows_carry_what_the_annotation_states(tiny_emotic: Path) -> None:
    row = prepared(tiny_emotic)["val/mscoco/COCO_1.jpg#0"]
    assert row == Row(
        id="val/mscoco/COCO_1.jpg#0",
        source="mscoco",
        split="val",
        medium="emotic/mscoco/images/COCO_1.jpg",
        width=96,
        height=64,
        box_xyxy=(5.0, 5.0, 45.0, 60.0),
        categories=("Engagement", "Fear", "Peace"),
        vad=(5.0, 4.0, 7.0),
        people=2,
        votes=(
            Vote(("Engagement",), (5.0, 4.0, 7.0)),
            Vote(("Fear", "Peace"), (6.0, 5.0, 8.0)),
            Vote(("Engagement",), (5.0, 4.0, 7.0)),
        ),
        unit="mscoco/COCO_1.jpg",
        groups={"gender": "Female", "age": "Adult"},
        leak=emotic_rows.SAME_PERSON,
    )


def test_squeezed_people_labels_and_annotators_are_read(tiny_emotic: Path) -> None:
    """One person is a bare struct, one label a bare string: as the fixture writes them."""
    rows = prepared(tiny_emotic)
    alone = rows["train/emodb_small/abc.jpg#0"]
    assert (alone.categories, alone.people) == (("Doubt/Confusion",), 1)
    assert alone.votes == (Vote(("Doubt/Confusion",), (5.0, 4.0, 7.0)),)
    many = rows["val/framesdb/frame_2.jpg#0"]
    assert [vote.categories for vote in many.votes] == [("Happiness",)] * 5


def test_sizes_stated_height_first_are_read_right_and_counted(tiny_emotic: Path) -> None:
    summary = prepare_emotic(tiny_emotic, tiny_emotic.parent / "out", detect=None)
    row = by_id(tiny_emotic.parent / "out")["train/emodb_small/abc.jpg#0"]
    assert (row.width, row.height, row.box_xyxy) == (64, 96, (0.0, 40.0, 60.0, 96.0))
    assert f"{emotic_rows.SWAPPED_COUNT}: 2" in summary.notes
    assert f"{emotic_rows.CLIPPED_COUNT}: 1" in summary.notes
    assert f"{emotic_rows.NO_VAD_COUNT}: 2" in summary.notes
    assert f"{emotic_rows.ANSWER_COUNT}: 1" in summary.notes
    assert "missing picture in ade20k: 1" in summary.notes


def test_boxes_are_cut_to_the_picture_and_bad_vad_is_absent(tiny_emotic: Path) -> None:
    rows = prepared(tiny_emotic)
    cut = rows["train/mscoco/COCO_3.jpg#2"]
    assert (cut.box_xyxy, cut.vad, cut.exclude) == ((60.0, 5.0, 96.0, 60.0), None, None)
    assert rows["train/mscoco/COCO_3.jpg#4"].vad is None  # 0 lies outside 1 to 10
    assert rows["train/framesdb/frame_1.jpg#2"].box_xyxy == (0.0, 0.0, 10.0, 12.0)  # small: kept


def test_people_and_pictures_that_stand_in_train_are_flagged(tiny_emotic: Path) -> None:
    rows = prepared(tiny_emotic)
    assert {name: row.leak for name, row in rows.items() if row.leak} == {
        "val/mscoco/COCO_1.jpg#0": emotic_rows.SAME_PERSON,
        "val/mscoco/COCO_1.jpg#1": emotic_rows.SAME_PICTURE,
    }


def test_the_empty_test_person_gets_the_authors_answer(tiny_emotic: Path) -> None:
    row = prepared(tiny_emotic)["test/emodb_small/12ctuwhai2qxczp2wf.jpg#0"]
    assert row.categories == (
        "Affection", "Confidence", "Excitement", "Happiness", "Peace", "Sympathy",
    )  # fmt: skip
    assert row.exclude is None


def test_a_copy_of_a_person_counts_once_among_the_people(tiny_emotic: Path) -> None:
    rows = prepared(tiny_emotic)
    assert rows["train/framesdb/frame_1.jpg#0"].people == 2


def test_each_face_goes_to_the_person_it_belongs_to(tiny_emotic: Path) -> None:
    mine = Face((15.0, 8.0, 30.0, 25.0), 0.9)
    seen: list[tuple[int, ...]] = []

    def detect(image_rgb: ImageRgb) -> list[Face]:
        seen.append(image_rgb.shape)
        return [mine] if image_rgb.shape == (64, 96, 3) else []

    rows = prepared(tiny_emotic, detect=detect)
    assert rows["train/mscoco/COCO_1.jpg#0"].face == mine
    assert rows["train/mscoco/COCO_1.jpg#1"].face is None
    assert rows["train/framesdb/frame_1.jpg#1"].face is None  # the copy is left out
    # once per picture of each split: 9 readable ones of 11
    assert len(seen) == 9


def test_pictures_are_found_in_doubled_and_nested_folders(tiny_emotic: Path) -> None:
    inner = tiny_emotic / "emotic"
    (inner / "emotic").mkdir()
    for source in ("mscoco", "emodb_small"):
        (inner / source).rename(inner / "emotic" / source)
    doubled = inner / "framesdb" / "framesdb"
    doubled.mkdir()
    (inner / "framesdb" / "images").rename(doubled / "images")
    rows = prepared(tiny_emotic)
    assert sum(row.exclude == emotic_rows.MISSING for row in rows.values()) == 1
    assert rows["train/framesdb/frame_1.jpg#0"].medium == (
        "emotic/framesdb/framesdb/images/frame_1.jpg"
    )
    picture = read_row_picture(
        Manifest.open(tiny_emotic.parent / "out"), rows["train/mscoco/COCO_1.jpg#0"]
    )
    assert picture.shape == (64, 96, 3)


def test_labels_only_needs_no_pictures(tiny_emotic: Path) -> None:
    for file in (tiny_emotic / "emotic").rglob("*.jpg"):
        file.unlink()
    with pytest.raises(DataError, match=r"holds annotations but no picture: .*--labels-only"):
        prepared(tiny_emotic)
    rows = prepared(tiny_emotic, labels_only=True, detect=no_faces)
    row = rows["train/emodb_small/abc.jpg#0"]
    assert (row.medium, row.width, row.height) == (None, 64, 96)
    assert rows["train/mscoco/COCO_2.jpg#0"].exclude is None


def test_nothing_is_done_again_until_something_changes(tiny_emotic: Path) -> None:
    out = tiny_emotic.parent / "out"
    calls: list[int] = []

    def detect(image_rgb: ImageRgb) -> list[Face]:
        calls.append(1)
        return []

    def run(**options: object) -> bool:
        before = len(calls)
        prepare_emotic(tiny_emotic, out, **({"detect": detect} | options))  # type: ignore[arg-type]
        return len(calls) > before

    assert run()
    first = (out / "manifest.parquet").stat().st_mtime_ns
    assert not run()
    assert (out / "manifest.parquet").stat().st_mtime_ns == first
    assert run(detector="another")
    os.utime(tiny_emotic / "emotic" / "mscoco" / "images" / "COCO_5.jpg", ns=(1, 1))
    assert run(detector="another")
    assert not prepare_emotic(tiny_emotic, out, detect=None).reused
    assert prepare_emotic(tiny_emotic, out, detect=None).reused


@pytest.mark.parametrize("left", [b"", b"PAR1 not a whole file"])
def test_a_damaged_manifest_is_made_anew(tiny_emotic: Path, left: bytes) -> None:
    out = tiny_emotic.parent / "out"
    prepare_emotic(tiny_emotic, out, detect=None)
    (out / "manifest.parquet").write_bytes(left)
    assert not prepare_emotic(tiny_emotic, out, detect=None).reused
    assert Manifest.open(out).count() == 12


def test_a_stop_on_the_way_leaves_the_old_manifest(tiny_emotic: Path) -> None:
    out = tiny_emotic.parent / "out"
    prepare_emotic(tiny_emotic, out, detect=None)
    old = (out / "manifest.parquet").read_bytes()

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_emotic(tiny_emotic, out, detect=no_faces, progress=stop)
    assert (out / "manifest.parquet").read_bytes() == old
    assert [path.name for path in out.iterdir()] == ["manifest.parquet"]


def test_progress_counts_the_pictures(tiny_emotic: Path) -> None:
    said: list[tuple[int, int]] = []
    prepare_emotic(
        tiny_emotic, tiny_emotic.parent / "out", detect=None,
        progress=lambda done, total: said.append((done, total)),
    )  # fmt: skip
    assert said == [(n, 11) for n in range(1, 12)]


def test_an_unwritable_place_is_an_output_error(tiny_emotic: Path) -> None:
    (tiny_emotic.parent / "file").write_text("in the way")
    with pytest.raises(OutputError, match="the manifest cannot be written"):
        prepare_emotic(tiny_emotic, tiny_emotic.parent / "file" / "out", detect=None)


def test_few_pictures_are_held_at_a_time(tmp_path: Path, write_emotic: WriteEmotic) -> None:
    """Pictures are looked at just ahead of the writing, however many there are."""
    entries = tiny_emotic_like(count=60)
    looked: list[int] = []
    ahead: list[int] = []

    def detect(image_rgb: ImageRgb) -> list[Face]:
        looked.append(1)
        return []

    prepare_emotic(
        write_emotic(tmp_path / "EMOTIC", entries), tmp_path / "out", detect=detect,
        progress=lambda done, total: ahead.append(len(looked) - done),
    )  # fmt: skip
    assert len(looked) == 62
    assert max(ahead) <= WINDOW


def test_the_real_subset_reads_as_its_labels_say(real_data: Path, tmp_path: Path) -> None:
    archive = real_data / "emotic-mini.zip"
    if not archive.is_file():
        pytest.skip("no emotic-mini.zip")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "set")
    summary = prepare_emotic(tmp_path / "set", tmp_path / "out", detect=None)
    assert summary.used == {"train": 674, "val": 103, "test": 233}
    assert summary.excluded == {}


def test_the_summary_counts_what_is_used_left_out_and_seen_in_train(tiny_emotic: Path) -> None:
    summary = prepare_emotic(tiny_emotic, tiny_emotic.parent / "out", detect=None)
    assert summary.used == {"train": 7, "val": 3, "test": 2}
    assert sum(summary.excluded.values()) == 7 and set(summary.excluded.values()) == {1}
    assert summary.leaks == {emotic_rows.SAME_PERSON: 1, emotic_rows.SAME_PICTURE: 1}


def test_large_pictures_one_at_a_time_give_the_same(
    tiny_emotic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = prepared(tiny_emotic)
    (tiny_emotic.parent / "out" / "manifest.parquet").unlink()
    monkeypatch.setattr(prepare, "LARGE", 0)
    assert prepared(tiny_emotic) == at_once
