"""Face sets into manifests, on drawn pictures with a detector that finds what was drawn."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_face_crop, read_row_picture
from affekt.data.manifests.row import Row
from affekt.data.sets.faces import (
    MISSING,
    NO_FACE,
    NO_LABEL,
    UNREADABLE,
    PrepareSummary,
    prepare_ferplus,
    prepare_folders,
)
from affekt.data.sets.ferplus import (
    BAD_VOTES,
    CLASSES,
    NO_VOTES,
    USAGE,
    count_votes,
    official_majority,
)
from affekt.data.sets.framing import WHOLE_PICTURE, find_face, find_face_in_crop, measure_framing
from affekt.data.sets.packing import face_cutout
from affekt.data.sets.splits import CONFLICT, LEAK, draw_splits
from affekt.errors import DataError, UsageError
from affekt.geometry import iou_xyxy, roll_degrees
from affekt.inference.find.faces import load_face_detector
from affekt.labels import PRIMARY, PRIMARY_AND_CONTEMPT
from affekt.media import ImageRgb
from affekt.results import Face

Box = tuple[float, float, float, float]


def drawn(width: int, height: int, box: Box, shade: int = 0) -> Image.Image:
    """A picture with a green rectangle for a face, a red eye on its left and a blue one right."""
    image = Image.new("RGB", (width, height), (shade, 0, 0))
    draw = ImageDraw.Draw(image)
    x1, y1, x2, y2 = box
    draw.rectangle((x1, y1, x2 - 1, y2 - 1), fill=(0, 220, 0))
    w, h = x2 - x1, y2 - y1
    for x, colour in ((0.3, (220, 220, 0)), (0.7, (0, 220, 220))):
        cx, cy, r = x1 + x * w, y1 + 0.4 * h, w / 10
        draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=colour)
    return image


def detect(image_rgb: ImageRgb) -> list[Face]:
    """Finds the green rectangle and its eyes."""
    red, green, blue = (image_rgb[..., channel] > 110 for channel in range(3))
    ys, xs = np.nonzero(green)
    if not xs.size:
        return []
    box = tuple(float(v) for v in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1))
    eyes = []
    for mask in (red & green, blue & green):
        rows, columns = np.nonzero(mask)
        if not rows.size:
            return [Face(box, 0.9)]  # type: ignore[arg-type]
        eyes.append((float(columns.mean()) + 0.5, float(rows.mean()) + 0.5))
    return [Face(box, 0.9, (*eyes, *[(0.0, 0.0)] * 3))]  # type: ignore[arg-type]


def detect_nothing(image_rgb: ImageRgb) -> list[Face]:
    return []


def save(path: Path, image: Image.Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def folder_set(root: Path, per_label: int = 4, labels: tuple[str, ...] = PRIMARY) -> Path:
    for i, label in enumerate(labels):
        for j in range(per_label):
            save(root / label / f"{j}.png", drawn(50, 40, (10, 4, 40, 36), shade=10 * i + j))
    return root


def rows_of(summary: PrepareSummary) -> dict[str, Row]:
    manifest = Manifest.open(summary.manifest)
    return {row.id: row for row in manifest.rows(include_excluded=True)}


# Folders


def test_one_picture_per_label_is_a_set(tmp_path: Path) -> None:
    summary = prepare_folders(folder_set(tmp_path / "tiny", 1), tmp_path / "out", detect=detect)
    assert summary.counts == {"train": dict.fromkeys(PRIMARY, 1)}
    assert (summary.used, summary.labels, summary.excluded) == (7, PRIMARY, {})
    row = rows_of(summary)["fear/0.png"]
    assert (row.source, row.label, row.shares["fear"]) == ("tiny", "fear", 1.0)
    assert (row.width, row.height, row.majority) == (50, 40, None)


def test_whole_pictures_get_the_framing_of_their_set(tmp_path: Path) -> None:
    """Pictures of other sizes, cut alike, get boxes in the same place."""
    root = folder_set(tmp_path / "set", 3)
    save(root / "fear" / "large.png", drawn(100, 80, (20, 8, 80, 72)))
    rows = rows_of(prepare_folders(root, tmp_path / "out", detect=detect))
    assert rows["anger/0.png"].face.box_xyxy == pytest.approx((10, 4, 40, 36), abs=0.4)
    assert rows["fear/large.png"].face.box_xyxy == pytest.approx((20, 8, 80, 72), abs=0.8)


def test_without_faces_the_whole_picture_is_taken_and_said(tmp_path: Path) -> None:
    root = folder_set(tmp_path / "set", 1)
    summary = prepare_folders(root, tmp_path / "out", detect=detect_nothing)
    assert rows_of(summary)["fear/0.png"].face.box_xyxy == (0, 0, 50, 40)
    assert "whole picture taken as the face: faces found in 0 of 7" in summary.notes[-1]
    assert Manifest.open(summary.manifest).note["remarks"] == "\n".join(summary.notes)


def test_synonyms_and_contempt(tmp_path: Path) -> None:
    root = folder_set(tmp_path / "set", 1, ("Happy", "sad", "0_angry", "contempt"))
    summary = prepare_folders(root, tmp_path / "out", detect=detect)
    assert summary.labels == PRIMARY_AND_CONTEMPT
    assert set(summary.counts["train"]) == {"happiness", "sadness", "anger", "contempt"}


@pytest.mark.parametrize("name", ["boredom", "x12", "happyy"])
def test_an_unknown_folder_is_an_error_that_lists_the_names(tmp_path: Path, name: str) -> None:
    root = folder_set(tmp_path / "set", 1)
    (root / name).mkdir()
    with pytest.raises(DataError, match=f"folder .*{name}: unknown emotion .*anger, .*surprised"):
        prepare_folders(root, tmp_path / "out", detect=detect)
    assert not (tmp_path / "out").exists()


def test_what_is_no_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the folder .*gone"):
        prepare_folders(tmp_path / "gone", tmp_path / "out", detect=detect)
    (tmp_path / "set").mkdir()
    with pytest.raises(DataError, match=r"no folder in .*one per label \(anger, "):
        prepare_folders(tmp_path / "set", tmp_path / "out", detect=detect)
    (tmp_path / "set" / "fear").mkdir()
    (tmp_path / "set" / "fear" / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match="no picture in the label folders"):
        prepare_folders(tmp_path / "set", tmp_path / "out", detect=detect)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_an_unreadable_folder_is_an_error(tmp_path: Path) -> None:
    root = folder_set(tmp_path / "set", 1)
    (root / "fear").chmod(0)
    with pytest.raises(DataError, match=r"cannot read the folder .*fear"):
        prepare_folders(root, tmp_path / "out", detect=detect)


def test_options_out_of_range_are_usage_errors(tmp_path: Path) -> None:
    root = folder_set(tmp_path / "set", 1)
    with pytest.raises(UsageError, match="unknown faces 'all': whole or detect"):
        prepare_folders(root, tmp_path / "out", detect=detect, faces="all")
    with pytest.raises(UsageError, match="together at most 1"):
        prepare_folders(root, tmp_path / "out", detect=detect, val=0.6, test=0.5)


def test_broken_pictures_are_excluded_with_a_reason(tmp_path: Path) -> None:
    root = folder_set(tmp_path / "set", 1)
    whole = (root / "fear" / "0.png").read_bytes()
    (root / "fear" / "broken.png").write_bytes(whole[: len(whole) // 2])
    (root / "fear" / "empty.jpg").write_bytes(b"")
    (root / "fear" / "notes.txt").write_text("passed over")
    for faces in ("whole", "detect"):
        summary = prepare_folders(root, tmp_path / faces, detect=detect, faces=faces)
        assert summary.excluded == {UNREADABLE: 2}
        assert summary.used == 7
        assert "1 .txt" in summary.notes[0]
        assert rows_of(summary)["fear/broken.png"].exclude == UNREADABLE


def test_split_folders_are_understood(tmp_path: Path) -> None:
    for i, split in enumerate(("Training", "validation", "test")):
        for j, label in enumerate(("fear", "happy", "fear", "happy")):
            picture = drawn(50, 40, (10, 4, 40, 36), shade=20 * i + 5 * j)
            save(tmp_path / "set" / split / label / f"{j}.png", picture)
    summary = prepare_folders(tmp_path / "set", tmp_path / "out", detect=detect, val=0.5)
    splits = {row_id: row.split for row_id, row in rows_of(summary).items()}
    assert {key.split("/")[0]: split for key, split in splits.items()} == {
        "Training": "train",
        "validation": "val",
        "test": "test",
    }


def test_val_is_drawn_from_train_where_no_folder_gives_it(tmp_path: Path) -> None:
    folder_set(tmp_path / "set" / "train", 4, ("fear",))
    save(tmp_path / "set" / "test" / "fear" / "9.png", drawn(50, 40, (10, 4, 40, 36), 99))
    summary = prepare_folders(tmp_path / "set", tmp_path / "out", detect=detect, val=0.5)
    assert summary.counts == {"test": {"fear": 1}, "train": {"fear": 2}, "val": {"fear": 2}}


def test_copies_share_a_split_and_conflicts_are_excluded(tmp_path: Path) -> None:
    root = folder_set(tmp_path / "set", 6, ("fear", "anger"))
    for i in range(6):
        (root / "fear" / f"copy{i}.png").write_bytes((root / "fear" / f"{i}.png").read_bytes())
    (root / "anger" / "fear0.png").write_bytes((root / "fear" / "0.png").read_bytes())
    summary = prepare_folders(root, tmp_path / "out", detect=detect, val=0.5)
    rows = rows_of(summary)
    for i in range(6):
        assert rows[f"fear/{i}.png"].split == rows[f"fear/copy{i}.png"].split
    assert summary.excluded == {CONFLICT: 3}
    assert rows["anger/fear0.png"].exclude == CONFLICT
    assert "13 files are exact copies of 6 pictures" in summary.notes


def test_a_training_copy_of_a_test_picture_is_excluded(tmp_path: Path) -> None:
    picture = drawn(50, 40, (10, 4, 40, 36))
    for split in ("train", "val", "test"):
        save(tmp_path / "set" / split / "fear" / "a.png", picture)
        save(tmp_path / "set" / split / "fear" / "b.png", drawn(50, 40, (9, 4, 40, 36), len(split)))
    rows = rows_of(prepare_folders(tmp_path / "set", tmp_path / "out", detect=detect))
    reasons = {row_id: row.exclude for row_id, row in rows.items()}
    assert (reasons["train/fear/a.png"], reasons["val/fear/a.png"]) == (LEAK, LEAK)
    assert (reasons["test/fear/a.png"], reasons["val/fear/b.png"]) == (None, None)


def test_large_pictures_are_named_and_small_ones_packed(tmp_path: Path) -> None:
    root = folder_set(tmp_path / "set", 1)
    save(root / "fear" / "large.png", drawn(300, 240, (60, 24, 240, 216)))
    summary = prepare_folders(root, tmp_path / "out", detect=detect)
    rows, manifest = rows_of(summary), Manifest.open(summary.manifest)
    assert rows["fear/large.png"].content is None
    assert rows["fear/0.png"].content == (root / "fear" / "0.png").read_bytes()
    assert read_row_picture(manifest, rows["fear/large.png"]).shape == (240, 300, 3)
    unpacked = prepare_folders(root, tmp_path / "plain", detect=detect, pack=False)
    assert all(row.content is None for row in rows_of(unpacked).values())
    assert [row.medium for row in rows_of(unpacked).values()] == list(rows_of(unpacked))


def test_detected_faces_are_boxed_straightened_and_packed_small(tmp_path: Path) -> None:
    """The crop of the packed picture shows what the crop of the portrait shows, upright."""
    upright = drawn(900, 700, (300, 150, 500, 400))
    tilted = upright.rotate(-20, resample=Image.Resampling.BICUBIC, center=(400, 275))
    save(tmp_path / "set" / "fear" / "a.png", tilted)
    save(tmp_path / "set" / "fear" / "none.png", Image.new("RGB", (90, 70)))
    summary = prepare_folders(tmp_path / "set", tmp_path / "out", detect=detect, faces="detect")
    assert summary.excluded == {NO_FACE: 1}
    row = rows_of(summary)["fear/a.png"]
    assert roll_degrees(row.face.landmarks_xy) == pytest.approx(20, abs=1)
    assert (row.width, row.height) == (256, 256)
    crop = read_face_crop(Manifest.open(summary.manifest), row, 96)
    (left, top), (right, level) = find_eyes(crop)
    assert abs(top - level) < 1.5
    assert left < 48 < right


def find_eyes(image_rgb: ImageRgb) -> tuple[tuple[float, float], tuple[float, float]]:
    landmarks = detect(image_rgb)[0].landmarks_xy
    assert landmarks is not None
    return landmarks[0], landmarks[1]


def test_progress_counts_every_picture(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    root = folder_set(tmp_path / "set", 1)
    prepare_folders(
        root, tmp_path / "out", detect=detect, progress=lambda done, of: seen.append((done, of))
    )
    assert seen == [(i, 7) for i in range(1, 8)]


def test_the_same_set_and_seed_give_the_same_manifest(tmp_path: Path) -> None:
    root = folder_set(tmp_path / "set", 10, ("fear", "anger"))
    splits = []
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        summary = prepare_folders(root, tmp_path / out, detect=detect, val=0.3, test=0.2, seed=seed)
        assert {split: set(n.values()) for split, n in summary.counts.items()} == {
            "train": {5},
            "val": {3},
            "test": {2},
        }
        splits.append([row.split for row in rows_of(summary).values()])
    assert splits[0] == splits[1] != splits[2]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 60),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda s: sum(s) <= 1),
    seed=st.integers(0, 9),
)
def test_drawn_shares_are_within_one_picture(
    n: int, shares: tuple[float, float], seed: int
) -> None:
    drawn_splits = draw_splits({"fear": map(str, range(n))}, *shares, seed)
    names = list(drawn_splits.values())
    assert len(names) == n
    assert abs(names.count("val") - shares[0] * n) <= 1
    assert abs(names.count("test") - shares[1] * n) <= 1


# Framing and cut-outs


def test_the_framing_is_the_median_box() -> None:
    boxes = [(10.0, 5.0, 30.0, 35.0), (12.0, 5.0, 30.0, 35.0), (11.0, 0.0, 40.0, 40.0)]
    pictures = [np.asarray(drawn(40, 40, box)) for box in boxes]
    framing = measure_framing(pictures, detect)
    assert framing.measured
    assert framing.box == pytest.approx((11 / 40, 5 / 40, 30 / 40, 35 / 40), abs=0.01)


def test_a_framing_needs_a_face_in_half_of_the_sample() -> None:
    empty, full = np.zeros((40, 40, 3), np.uint8), np.asarray(drawn(40, 40, (10, 5, 30, 35)))
    assert measure_framing([full, empty], detect).measured
    poor = measure_framing([full, empty, empty], detect)
    assert (poor.measured, poor.box, poor.found, poor.sampled) == (False, WHOLE_PICTURE, 1, 3)


def test_a_tight_crop_is_looked_at_again_with_a_border() -> None:
    """A detector that misses faces which touch the edge still finds them."""
    picture = np.asarray(drawn(48, 48, (0, 0, 48, 48)))

    def shy(image_rgb: ImageRgb) -> list[Face]:
        found = detect(image_rgb)
        return [face for face in found if face.box_xyxy[0] > 0]

    assert shy(picture) == []
    face = find_face(picture, shy)
    assert face is not None
    assert face.box_xyxy == pytest.approx((0, 0, 48, 48), abs=0.5)
    assert face.landmarks_xy is not None
    assert face.landmarks_xy[0] == pytest.approx((0.3 * 48, 0.4 * 48), abs=1)


@settings(max_examples=20, deadline=None)
@given(width=st.integers(30, 90), height=st.integers(30, 90))
def test_boxes_come_back_from_the_enlarged_picture(width: int, height: int) -> None:
    box = (width // 4, height // 5, width - width // 4, height - height // 6)
    face = find_face_in_crop(np.asarray(drawn(width, height, box)), detect)
    assert face is not None
    assert face.box_xyxy == pytest.approx(box, abs=1)


@settings(max_examples=20, deadline=None)
@given(
    centre=st.tuples(st.integers(100, 500), st.integers(100, 300)),
    side=st.integers(20, 180),
)
def test_a_cutout_shows_the_face_where_its_box_says(centre: tuple[int, int], side: int) -> None:
    x1, y1 = centre[0] - side // 2, centre[1] - side // 2
    box = (x1, y1, x1 + side, y1 + side)
    part, face = face_cutout(np.asarray(drawn(600, 400, box)), Face(box, 1.0))
    inside = face.box_xyxy
    assert max(part.shape) <= 256
    visible = np.clip(inside, 0, [part.shape[1], part.shape[0]] * 2)
    assert detect(part)[0].box_xyxy == pytest.approx(visible.tolist(), abs=1)


# FER+

CHOICES = {
    "happy": {"happiness": 8, "neutral": 2},
    "outlier": {"fear": 5, "sadness": 3, "anger": 1, "contempt": 1},
    "split": {"anger": 5, "disgust": 5},
    "plural": {"anger": 4, "disgust": 3, "fear": 3},
    "unclear": {"unknown": 6, "fear": 4},
    "thing": {"NF": 10},
    "nobody": {},
}


def ferplus_set(root: Path, votes: dict[str, dict[str, object]]) -> Path:
    """The official layout, every face in each of the three splits."""
    root.mkdir(parents=True)
    with (root / "fer2013new.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["Usage", "Image name", *CLASSES], restval=0)
        writer.writeheader()
        writer.writerow({"Usage": "Training", "Image name": "", "NF": 10})
        for i, (usage, (_, folder)) in enumerate(USAGE.items()):
            for j, (name, counts) in enumerate(votes.items()):
                picture = drawn(48, 48, (4, 2, 44, 46), shade=40 * i + 5 * j).convert("L")
                save(root / "data" / folder / f"{name}.png", picture)
                writer.writerow({"Usage": usage, "Image name": f"{name}.png", **counts})
    return root


def detect_grey(image_rgb: ImageRgb) -> list[Face]:
    ys, xs = np.nonzero(image_rgb[..., 1] > 60)
    return [Face((float(xs.min()), float(ys.min()), xs.max() + 1.0, ys.max() + 1.0), 0.9)]


@pytest.fixture
def ferplus(tmp_path: Path) -> Iterator[PrepareSummary]:
    root = ferplus_set(tmp_path / "ferplus", CHOICES)
    yield prepare_ferplus(root, tmp_path / "out", detect=detect_grey)


def test_ferplus_labels(ferplus: PrepareSummary) -> None:
    rows = list(Manifest.open(ferplus.manifest).rows("test", include_excluded=True))
    found = {row.id: (row.label, row.majority, row.exclude) for row in rows}
    assert found == {
        "happy": ("happiness", True, None),
        "outlier": ("fear", True, None),
        "split": (None, False, None),
        "plural": ("anger", False, None),
        "unclear": (None, None, "unknown emotion"),
        "thing": (None, None, "not a face"),
        "nobody": (None, None, NO_VOTES),
    }
    assert rows[0].shares == {**dict.fromkeys(PRIMARY_AND_CONTEMPT, 0.0)} | {
        "happiness": 0.8,
        "neutral": 0.2,
    }
    assert rows[4].shares["fear"] == 1.0


def test_ferplus_counts_and_framing(ferplus: PrepareSummary) -> None:
    one_each = {"happiness": 1, "fear": 1, "anger": 1, NO_LABEL: 1}
    assert ferplus.counts == dict.fromkeys(("train", "val", "test"), one_each)
    assert ferplus.excluded == {"unknown emotion": 3, "not a face": 3, NO_VOTES: 3}
    assert ferplus.notes[-1] == "1 lines of fer2013new.csv name no picture"
    row = next(Manifest.open(ferplus.manifest).rows())
    assert row.content is not None
    assert Image.open(io.BytesIO(row.content)).size == (48, 48)
    assert row.face.box_xyxy == pytest.approx((4, 2, 44, 46), abs=0.5)


@pytest.mark.parametrize("given_folder", [".", "ferplus", "ferplus/data"])
def test_ferplus_is_found_from_above_and_below(tmp_path: Path, given_folder: str) -> None:
    ferplus_set(tmp_path / "ferplus", {"happy": {"happiness": 10}})
    summary = prepare_ferplus(tmp_path / given_folder, tmp_path / "out", detect=detect_grey)
    assert summary.used == 3


def test_ferplus_with_bad_lines_and_missing_pictures(tmp_path: Path) -> None:
    votes: dict[str, dict[str, object]] = {
        "good": {"fear": 10},
        "nan": {"fear": "nan"},
        "minus": {"fear": -3, "anger": 9},
        "word": {"fear": "many"},
        "gone": {"fear": 10},
    }
    root = ferplus_set(tmp_path / "ferplus", votes)
    for picture in root.rglob("gone.png"):
        picture.unlink()
    summary = prepare_ferplus(root, tmp_path / "out", detect=detect_grey)
    assert summary.excluded == {BAD_VOTES: 9, MISSING: 3}
    assert summary.used == 3


def test_ferplus_test_pictures_leave_the_training(tmp_path: Path) -> None:
    root = ferplus_set(tmp_path / "ferplus", {"a": {"fear": 10}, "b": {"anger": 10}})
    data = root / "data"
    (data / "FER2013Train" / "a.png").write_bytes((data / "FER2013Test" / "a.png").read_bytes())
    summary = prepare_ferplus(root, tmp_path / "out", detect=detect_grey)
    assert summary.excluded == {LEAK: 1}
    assert summary.counts["train"] == {"anger": 1}
    assert summary.counts["test"] == {"anger": 1, "fear": 1}


def test_ferplus_in_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no fer2013new\.csv in .*data/FER2013Train"):
        prepare_ferplus(tmp_path, tmp_path / "out", detect=detect_grey)
    file = tmp_path / "fer2013new.csv"
    file.write_text("Usage,Image name,neutral\n")
    with pytest.raises(DataError, match="lacks the column 'anger'"):
        prepare_ferplus(tmp_path, tmp_path / "out", detect=detect_grey)
    header = ",".join(["Usage", "Image name", *CLASSES])
    file.write_text(f"{header}\nDev,a.png{',1' * 10}\n")
    with pytest.raises(DataError, match="line 2: unknown Usage 'Dev'"):
        prepare_ferplus(tmp_path, tmp_path / "out", detect=detect_grey)
    file.write_text(f"{header}\nTraining,a.png{',1' * 10}\n")
    with pytest.raises(DataError, match=r"names no picture that is there, such as .*a\.png"):
        prepare_ferplus(tmp_path, tmp_path / "out", detect=detect_grey)


def official_code(votes: list[float]) -> int | None:
    """Majority mode as the official FER+ code writes it, class order of its csv file."""
    raw = [0.0 if count < 1.0 + 1e-9 else count for count in votes]
    emotion = [0.0] * 10
    emotion[-2] = 1.0
    if max(raw) > 0.5 * sum(raw):
        emotion = [0.0] * 10
        emotion[int(np.argmax(raw))] = max(raw)
    winner = int(np.argmax(emotion))
    return winner if winner < 8 else None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(range(10)), min_size=0, max_size=10))
def test_the_majority_is_that_of_the_official_code(ballots: list[int]) -> None:
    names = list(CLASSES)
    counts = [float(ballots.count(i)) for i in range(10)]
    expected = official_code(counts)
    votes = dict(zip(names, counts, strict=True))
    assert official_majority(votes) == (None if expected is None else names[expected])
    assert bool(count_votes(votes).majority) == (expected is not None)


# Real pictures, where they are


def test_the_framing_of_real_ferplus_crops(tmp_path: Path, real_data: Path) -> None:
    """On 48-pixel grey crops: forehead to chin fill the height, the ears stay outside."""
    if not (real_data / "ferplus.zip").is_file():
        pytest.skip("no ferplus.zip there")
    with zipfile.ZipFile(real_data / "ferplus.zip") as archive:
        pictures = [name for name in archive.namelist() if "FER2013Test/" in name][:60]
        archive.extractall(tmp_path, [*pictures, "ferplus/fer2013new.csv"])
    summary = prepare_ferplus(tmp_path, tmp_path / "out", detect=load_face_detector().detect)
    assert summary.excluded[MISSING] > 30_000
    row = next(Manifest.open(summary.manifest).rows())
    assert np.array(row.face.box_xyxy) / 48 == pytest.approx((0.09, 0.01, 0.91, 1.0), abs=0.05)


def test_a_real_portrait(tmp_path: Path, real_data: Path) -> None:
    if not (real_data / "media" / "obama.jpg").is_file():
        pytest.skip("no media/obama.jpg there")
    (tmp_path / "set" / "happy").mkdir(parents=True)
    (tmp_path / "set" / "happy" / "a.jpg").write_bytes(
        (real_data / "media" / "obama.jpg").read_bytes()
    )
    detector = load_face_detector()
    summary = prepare_folders(
        tmp_path / "set", tmp_path / "out", detect=detector.detect, faces="detect"
    )
    row = rows_of(summary)["happy/a.jpg"]
    assert max(row.width, row.height) <= 256
    packed = read_row_picture(Manifest.open(summary.manifest), row)
    found = detector.detect(packed)[0]
    assert iou_xyxy([row.face.box_xyxy], [found.box_xyxy])[0, 0] > 0.85
