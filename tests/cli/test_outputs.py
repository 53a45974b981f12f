"""Where `affekt predict` writes: never over an input, any name, any stream."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from affekt.bundle import Bundle
from affekt.output.csv import unmark_formula
from affekt.output.parquet import from_unicode
from fakes.programs import FORMATS, MAIN, rows, run

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="signals, links and limits of POSIX"
)


def test_a_copy_that_cannot_be_written_stops_nothing(predict, photo: Path, tmp_path: Path) -> None:
    source, copies = tmp_path / "in", tmp_path / "copies"
    source.mkdir()
    long, wide = "x" * 250 + ".bmp", "wide.webp"
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(photo, source / name)
    with Image.open(photo) as image:
        image.save(source / long)
        image.resize((16_384, 8)).save(source / "wide.png")
    (source / "wide.png").rename(source / wide)
    (copies / "a.jpg" / "in the way").mkdir(parents=True)
    code, out, err = predict(source, "--annotate", copies)
    assert code == 1, err
    assert len(json.loads(out)) == 4, err
    assert err.count("affekt: error: ") == err.count("\n") == 3
    assert "16384 x 8 pixels cannot be written as WEBP" in err
    assert (copies / "b.jpg").is_file()
    assert not list(copies.rglob("*.partial"))


@pytest.mark.parametrize("how", ["path", "symbolic", "hard"])
@pytest.mark.parametrize("what", ["picture", "boxes", "bundle", "annotate"])
def test_no_input_is_overwritten(
    predict, photo: Path, tiny_bundle: Bundle, tmp_path: Path, *, what: str, how: str
) -> None:
    picture, boxes = tmp_path / "p.jpg", tmp_path / "boxes.csv"
    shutil.copy(photo, picture)
    boxes.write_text("source,x1,y1,x2,y2\np.jpg,1,1,99,99\n")
    bundle = shutil.copytree(tiny_bundle.folder, tmp_path / "bundle")
    files = {"picture": picture, "boxes": boxes, "bundle": bundle / "model.onnx", "annotate": boxes}
    target = files[what]
    if how != "path" or what == "annotate":
        target = tmp_path / "copies" / "p.jpg"
        target.parent.mkdir()
        {"hard": target.hardlink_to, "symbolic": target.symlink_to}.get(how, target.symlink_to)(
            files[what]
        )
    words = ["--annotate", target.parent] if what == "annotate" else ["-o", target, "-f", "json"]
    before = files[what].read_bytes()
    words += ["--boxes", boxes, "--model", bundle]
    code, out, err = predict(picture, *words)
    assert (code, out) == (2, "")
    assert "would overwrite" in err and "which is read" in err and err.count("\n") == 1
    assert files[what].read_bytes() == before


def test_a_linked_output_is_followed_and_keeps_its_mode(
    predict, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "real.json").chmod(0o600)
    (tmp_path / "r.json").symlink_to("real.json")
    assert predict(photo, "-o", tmp_path / "r.json")[0] == 0
    assert (tmp_path / "r.json").is_symlink()
    assert len(json.loads((tmp_path / "real.json").read_text())) == 1
    assert (tmp_path / "real.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", FORMATS)
def test_every_name_comes_back(folder: Path, uninterrupted, kind: str) -> None:
    back = {"csv": unmark_formula, "parquet": from_unicode}.get(kind, str)
    found = {Path(back(row["source"])).name for row in rows(uninterrupted(kind), kind)}
    nobody = {f"{number:02}.jpg" for number in range(5, 60, 7)}
    nobody = nobody if kind in {"csv", "parquet"} else set()
    assert found == {path.name for path in folder.iterdir()} - {"07.jpg"} - nobody


def test_a_relative_name_is_no_formula(predict, folder: Path) -> None:
    with contextlib.chdir(folder):
        _, out, _ = predict("=1+1.jpg", "'tis.jpg", "-f", "csv")
    cells = [line.split(",")[0] for line in out.splitlines()]
    assert cells == ["source", "'=1+1.jpg", "''tis.jpg"]


def test_names_do_not_steer_a_terminal(start, predict, folder: Path, tmp_path: Path) -> None:
    evil = "\x1b]52;c;eA==\x07.jpg"
    (tmp_path / evil).write_bytes(b"no picture")
    broken = ["-o", f"{evil}/x.json", evil]
    said = [predict(*words)[2] for words in ([tmp_path / evil], [f"{evil}/missing"], broken)]
    for err in (*said, run(start, *broken, "--debug")[2]):
        assert "\\x1b]52;c;eA==\\x07" in err
        assert not any(ord(character) < 32 for character in err.replace("\n", ""))
    main, terminal = os.openpty()
    process = start("-f", "csv", folder / evil, stdout=terminal, stderr=subprocess.DEVNULL)
    assert process.wait(30) == 0
    os.close(terminal)
    shown = os.read(main, 100_000)
    os.close(main)
    assert b"\\x1b]52;c;eA==\\x07.jpg" in shown
    assert b"\x1b" not in shown


def test_closed_standard_streams(start, photo: Path, tmp_path: Path) -> None:
    closing = "import os; os.close({}); "
    restart = "import sys; os.execv(sys.executable, [sys.executable, '-c', {!r}, *sys.argv[1:]]);"
    for number in (0, 1, 2):
        target = tmp_path / f"{number}.json"
        before = closing.format(number) + restart.format(MAIN)
        assert run(start, photo, "-o", target, before=before)[0] == 0
        assert len(json.loads(target.read_text())) == 1
    code, _, err = run(start, photo, before=closing.format(1) + restart.format(MAIN))
    assert (code, err) == (
        2, "affekt: error: standard output is closed: name a file with --output\n"
    )  # fmt: skip
