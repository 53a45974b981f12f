import contextlib
import csv
import io
import json
import os
import shutil
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affekt import media
from affekt.bundle import Bundle
from affekt.cli.copies import annotated_names
from affekt.cli.predict import PIXEL_LIMIT
from affekt.labels import CATEGORIES, PRIMARY
from affekt.output.table import Labels, columns_for
from fakes.programs import Program, run

PHOTO = Path(str(files("affekt") / "assets" / "astronaut.jpg"))


def one_line(err: str, *parts: str) -> bool:
    lines = err.strip().splitlines()
    return (
        len(lines) == 1
        and lines[0].startswith("affekt: error: ")
        and all(part in lines[0] for part in parts)
    )


def test_json_has_the_documented_shape(predict, photo: Path) -> None:
    code, out, err = predict(photo)
    assert (code, err) == (0, "")
    [frame] = json.loads(out)
    assert list(frame) == ["source", "width", "height", "index", "time_s", "people", "rotation"]
    assert (frame["source"], frame["width"], frame["index"]) == (str(photo), 256, 0)
    [person] = frame["people"]
    assert list(person) == ["box_xyxy", "score", "track_id", "face", "emotion"]
    assert list(person["emotion"]) == [
        "primary", "primary_label", "categories", "category_labels", "valence", "arousal",
        "dominance", "spread",
    ]  # fmt: skip
    primary = person["emotion"]["primary"]
    assert tuple(primary) == PRIMARY
    assert sum(primary.values()) == pytest.approx(1, abs=1e-3)
    assert primary[person["emotion"]["primary_label"]] == max(primary.values())
    x1, y1, x2, y2 = person["box_xyxy"]
    assert 70 < x1 < 110 < x2 < 150
    assert 20 < y1 < 50 < y2 < 100


def test_formats_agree(predict, photo: Path, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    _, out, _ = predict(photo, photo)
    frames = json.loads(out)
    _, lines, _ = predict(photo, photo, "--format", "jsonl")
    assert [json.loads(line) for line in lines.splitlines()] == frames
    _, text, _ = predict(photo, photo, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    code, out, _ = predict(photo, photo, "--output", tmp_path / "r.parquet")
    assert (code, out) == (0, "")
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.column_names == columns_for(Labels(PRIMARY)) == list(rows[0])
    for row, record, frame in zip(rows, table.to_pylist(), frames, strict=True):
        emotion = frame["people"][0]["emotion"]
        assert row["primary_label"] == record["primary_label"] == emotion["primary_label"]
        for label in PRIMARY:
            assert float(row[label]) == record[label] == emotion["primary"][label]
        assert row["track_id"] == ""
        assert record["track_id"] is None


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_the_suffix_names_the_format_and_stdout_stays_empty(
    predict, photo: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"result.{suffix}"
    target.write_text("old")
    code, out, err = predict(photo, "--output", target)
    assert (code, out, err) == (0, "", "")
    assert target.read_text() == predict(photo, "--format", suffix)[1]
    assert list(tmp_path.iterdir()) == [target]


def test_nobody_in_the_picture_is_an_empty_result(predict, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (90, 120, 90)).save(tmp_path / "plain.png")
    code, out, err = predict(tmp_path / "plain.png")
    assert (code, err) == (0, "")
    assert json.loads(out)[0]["people"] == []
    code, out, _ = predict(tmp_path / "plain.png", "--format", "csv")
    assert (code, out) == (0, ",".join(columns_for(Labels(PRIMARY))) + "\n")


def bad_pictures(folder: Path, photo: Path) -> dict[str, Path]:
    paths = {name: folder / f"{name}.jpg" for name in ("missing", "empty", "text", "truncated")}
    paths["empty"].touch()
    paths["text"].write_text("This is no picture.")
    paths["truncated"].write_bytes(photo.read_bytes()[:3000])
    return paths


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "truncated"])
def test_a_bad_picture_is_one_line_and_the_others_are_read(
    predict, photo: Path, tmp_path: Path, kind: str
) -> None:
    bad = bad_pictures(tmp_path, photo)[kind]
    code, out, err = predict(photo, bad, photo)
    assert code == 1
    assert [frame["source"] for frame in json.loads(out)] == [str(photo)] * 2
    assert one_line(err, str(bad))
    code, out, err = predict(bad)
    assert (code, out) == (1, "[]\n")
    assert one_line(err, str(bad))


def test_a_picture_over_the_limit_is_refused_and_an_option_raises_it(predict, photo: Path) -> None:
    code, out, err = predict(photo, "--max-pixels", 1000)
    assert (code, out) == (1, "[]\n")
    assert one_line(err, str(photo), "1,000") or one_line(err, str(photo), "1000")
    assert predict(photo, "--max-pixels", 256 * 256)[0] == 0
    assert PIXEL_LIMIT == media.PIXEL_LIMIT


def test_folders_and_patterns(predict, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "ü b").mkdir()
    for name in ("a.jpg", "ü b/ß.jpg"):
        shutil.copy(photo, tmp_path / name)
    _, out, _ = predict(tmp_path)
    sources = [Path(frame["source"]).name for frame in json.loads(out)]
    assert sorted(sources) == ["a.jpg", "ß.jpg"]
    assert "ß.jpg" in out  # written as it is, not escaped
    assert len(json.loads(predict(tmp_path / "*.jpg")[1])) == 1


def test_a_folder_without_pictures(predict, tmp_path: Path) -> None:
    code, out, err = predict(tmp_path)
    assert (code, out) == (1, "[]\n")
    assert one_line(err, str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_an_unreadable_folder(predict, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    shutil.copy(photo, tmp_path)
    code, out, err = predict(tmp_path)
    assert code == 1
    assert len(json.loads(out)) == 1
    assert one_line(err, "locked")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--output", "/no/such/folder/x.json"], ["/no/such/folder/x.json"]),
        (["--output", "/"], ["/", "directory"]),
        (["--output", "x.txt"], ["txt", "jsonl"]),
        (["--format", "jsn"], ["jsn", "did you mean 'json'"]),
        (["--annotate", "/dev/null/x"], ["/dev/null/x"]),
        (["--blur"], ["--annotate"]),
        (["--model", "no-such-model"], ["no-such-model"]),
        (["--max-pixels", "many"], ["--max-pixels", "integer"]),
        (["--colour"], ["--colour"]),
        (["--face-detector", "/no/such.onnx"], ["/no/such.onnx"]),
    ],
)
def test_a_wrong_call_is_refused_before_any_work(
    predict, photo: Path, tmp_path: Path, words: list[str], parts: list[str]
) -> None:
    with contextlib.chdir(tmp_path):
        code, out, err = predict(photo, *words)
    assert (code, out) == (2, "")
    assert one_line(err, *parts), err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("kind", ["json", "jsonl", "csv"])
def test_a_full_disk_is_one_line(start, predict, photo: Path, kind: str) -> None:
    with Path("/dev/full").open("wb") as full:
        code, _, err = run(start, photo, "--format", kind, stdout=full)
    assert code == 1
    assert one_line(err, "space")
    code, out, err = predict(photo, "--format", kind, "--output", "/dev/full")
    assert (code, out) == (1, "")
    assert one_line(err, "/dev/full", "space")


def test_a_closed_pipe_is_quiet(start, photo: Path) -> None:
    process = start("--format", "jsonl", *[photo] * 99)
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(20), err) == (141, "")


def test_stdin(start, photo: Path) -> None:
    with photo.open("rb") as picture:
        code, out, err = run(start, "-", stdin=picture)
    assert (code, err) == (0, "")
    [frame] = json.loads(out)
    assert frame["source"] == "-"
    assert len(frame["people"]) == 1


def test_annotated_and_blurred_copies(predict, photo: Path, tmp_path: Path) -> None:
    source, plain, blurred = tmp_path / "in", tmp_path / "plain", tmp_path / "blurred"
    for folder in ("a", "b"):
        (source / folder).mkdir(parents=True)
        shutil.copy(photo, source / folder / "x.jpg")
    with Image.open(photo) as image:
        image.save(source / "b" / "x.gif")
    assert predict(source, "--annotate", plain)[0] == 0
    assert predict(source, "--annotate", blurred, "--blur")[0] == 0
    for folder in (plain, blurred):
        found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("[!.]*.*"))
        assert found == ["a/x.jpg", "b/x.gif.png", "b/x.jpg"]
    face = (slice(2 * 38, 2 * 80), slice(2 * 96, 2 * 126))  # enlarged by two
    sharp, soft = (np.asarray(Image.open(f / "a" / "x.jpg"))[face] for f in (plain, blurred))
    detail = [float(np.abs(np.diff(a.astype(float), axis=0)).mean()) for a in (sharp, soft)]
    assert detail[1] < 0.4 * detail[0]


def test_a_source_is_never_overwritten(predict, photo: Path, tmp_path: Path) -> None:
    shutil.copy(photo, tmp_path / "x.jpg")
    before = (tmp_path / "x.jpg").read_bytes()
    code, _, err = predict(tmp_path / "x.jpg", "--annotate", tmp_path)
    assert code == 2
    assert one_line(err, "x.jpg")
    assert (tmp_path / "x.jpg").read_bytes() == before


def test_a_second_run_passes_over_its_own_copies(predict, photo: Path, tmp_path: Path) -> None:
    shutil.copy(photo, tmp_path / "x.jpg")
    (tmp_path / "film.mp4").touch()
    passed = "affekt: passed over what is not read: 1 .mp4"
    for said in (passed, f"{passed}, 1 folder of annotated copies"):
        code, out, err = predict(tmp_path, "--annotate", tmp_path / "copies")
        assert (code, err) == (0, f"{said}\n")
        assert [frame["source"] for frame in json.loads(out)] == [str(tmp_path / "x.jpg")]
    (tmp_path / "mine").mkdir()
    shutil.copy(photo, tmp_path / "mine" / "y.jpg")
    _, _, err = predict(photo, "--annotate", tmp_path / "mine")
    assert "holds pictures of its own" in err


def test_copies_of_many_sources_never_meet() -> None:
    names = ["/p/a/x.jpg", "/p/b/x.jpg", "/p/a/x.jpg", "/p/a/X.JPG", "/p/a/y.bmp", "-", "-"]
    found = annotated_names(names)
    assert len({name.lower() for name in found}) == len(names)
    assert not any(name.startswith(("/", "..")) for name in found)


@pytest.fixture
def in_context(affekt: Program, tiny_context: Bundle) -> Program:
    """Runs ``affekt predict`` with the tiny context model."""
    return partial(affekt, "predict", "--model", tiny_context.folder)


def test_a_context_model_gives_categories_and_vad(in_context, photo: Path) -> None:
    code, out, err = in_context(photo)
    assert (code, err) == (0, "")
    [person] = json.loads(out)[0]["people"]
    emotion = person["emotion"]
    assert tuple(emotion["primary"]) == PRIMARY and tuple(emotion["categories"]) == CATEGORIES
    assert all(0 <= p <= 1 for p in emotion["categories"].values())
    over = [c for i, c in enumerate(CATEGORIES) if emotion["categories"][c] >= 0.3 + 0.01 * i]
    assert emotion["category_labels"] == over
    assert all(1 <= emotion[name] <= 10 for name in ("valence", "arousal", "dominance"))
    x1, y1, x2, y2 = person["box_xyxy"]
    a1, b1, a2, b2 = person["face"]["box_xyxy"]
    assert x1 <= a1 and y1 <= b1 and x2 >= a2 and y2 > b2 + 50


def test_given_boxes_name_the_people(in_context, photo: Path, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("source,x1,y1,x2,y2\nphoto.jpg,60,10,190,250\nphoto.jpg,190,100,250,200\n")
    _, out, _ = in_context(photo, "--boxes", boxes)
    seen, unseen = json.loads(out)[0]["people"]
    assert seen["box_xyxy"] == [60, 10, 190, 250] and seen["face"] is not None
    assert unseen["face"] is None and unseen["emotion"]["primary"] is None
    assert unseen["emotion"]["primary_label"] is None and unseen["emotion"]["valence"] is not None
    _, text, _ = in_context(photo, "--boxes", boxes, "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == columns_for(Labels(PRIMARY, CATEGORIES))
    assert float(rows[1]["Peace"]) == unseen["emotion"]["categories"]["Peace"]
    assert rows[1]["anger"] == rows[1]["primary_label"] == "" != rows[0]["anger"]
    in_context(photo, "--boxes", boxes, "-o", tmp_path / "r.parquet")
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.column_names == list(rows[0])
    assert table["anger"].to_pylist()[1] is None and table["Peace"].null_count == 0


def test_a_picture_without_a_box_has_nobody_and_that_is_said(
    in_context, photo: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copy(photo, tmp_path / "other.jpg"))
    boxes = tmp_path / "boxes.json"
    boxes.write_text(
        json.dumps([{"source": "photo.jpg", "x1": 60, "y1": 10, "x2": 190, "y2": 250}])
    )
    copies = tmp_path / "copies"
    code, out, err = in_context(photo, other, "--boxes", boxes, "--annotate", copies, "--blur")
    assert code == 0 and [len(frame["people"]) for frame in json.loads(out)] == [1, 0]
    assert err.strip() == f"affekt: {boxes} has no box in {other}: nobody is looked for there"
    # the face of one who is not asked for is blurred all the same
    [blurred] = copies.rglob("other.jpg")
    sizes = (256, 256)  # small pictures are drawn enlarged
    before, after = (np.asarray(Image.open(p).resize(sizes), float) for p in (other, blurred))
    assert np.abs(after - before)[40:80, 95:130].mean() > 5 > np.abs(after - before)[:, 150:].mean()


@pytest.mark.parametrize(
    ("line", "words", "message"),
    [
        ("nobody.jpg,1,1,9,9", (), "'nobody.jpg' is none of the pictures given"),
        ("photo.jpg,9,1,9,9", (), "line 2: box 9, 1, 9, 9 of 'photo.jpg'"),
        (None, ("--person-detector", "missing.onnx"), "missing.onnx: no such file"),
        (None, ("--person-detector", str(PHOTO)), "not a model that can be run"),
    ],
)
def test_boxes_and_detectors_that_do_not_fit(
    in_context, photo: Path, tmp_path: Path, *,
    line: str | None, words: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(f"source,x1,y1,x2,y2\n{line}\n")
    given = () if line is None else ("--boxes", boxes)
    code, out, err = in_context(photo, *given, *words)
    assert (code, out) == (2, "") and one_line(err, message)


def test_a_face_model_takes_no_boxes(predict, photo: Path, tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("source,x1,y1,x2,y2\nphoto.jpg,60,10,190,250\n")
    code, out, err = predict(photo, "--boxes", boxes)
    assert (code, out) == (2, "") and one_line(err, "'tiny' reads faces alone", "--model")
