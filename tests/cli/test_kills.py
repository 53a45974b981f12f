"""What a run that was killed leaves, and how another goes on from it."""

import random
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from affekt.files import unfinished
from fakes.programs import FORMATS, lines, rows, wait_until_grown

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="signals, links and limits of POSIX"
)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_killed_run_is_gone_on_from(
    *, start, predict, folder: Path, uninterrupted, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"r.{kind}"
    target.write_bytes(b"old")
    dice = random.Random(kind)
    copied = shutil.copytree(folder, tmp_path / "copied")
    for number in range(2):
        process = start(copied, "-o", target, *(["--resume"] if number else []))
        wait_until_grown(process, target, dice.randrange(600, 12_000))
        process.kill()
        process.wait()
    assert target.read_bytes() == b"old"
    left = unfinished(target)
    before = [path.read_bytes() for path in left]
    code, _, err = predict(copied / "00.jpg", "-o", target)
    assert code == 0
    assert all(f"{path} holds results of a run that was killed: --resume" in err for path in left)
    assert [path.read_bytes() for path in left] == before
    names = sorted(path.name for path in Path(copied).iterdir())
    done = {Path(row["source"]).name for path in left for row in lines(path)}
    assert 0 < len(done) < len(names)
    for name in done:
        (copied / name).unlink()  # so that reading one again would be seen
    code, _, err = predict(*(f"{copied}/{name}" for name in names), "-o", target, "--resume")
    assert code == 1, err
    assert "going on from" in err and "07.jpg" in err
    same = [{**row, "source": None} for row in rows(target, kind)]
    assert same == [{**row, "source": None} for row in rows(uninterrupted(kind), kind)]
    assert unfinished(target) == []


def test_another_run_is_not_gone_on_from(start, predict, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    process = start(folder, "-o", target, "--annotate", tmp_path / "copies")
    wait_until_grown(process, target, 600)
    process.kill()
    process.wait()
    [left] = unfinished(target)
    before = left.read_bytes()
    code, _, err = predict(folder / "00.jpg", "-o", target, "--resume")
    assert code == 0
    assert f"{left} is left of a run with other options" in err
    assert "nothing to go on from" in err
    assert left.read_bytes() == before
    code, _, err = predict(folder / "00.jpg", "--resume")
    assert (code, err) == (
        2,
        "affekt: error: --resume goes on from a file: name it with --output\n",
    )


def test_a_picture_changed_since_is_read_again(
    start, predict, folder: Path, tmp_path: Path
) -> None:
    copied, target = shutil.copytree(folder, tmp_path / "copied"), tmp_path / "r.jsonl"
    process = start(copied, "-o", target)
    wait_until_grown(process, target, 6000)
    process.kill()
    process.wait()
    Image.new("RGB", (80, 70), "gray").save(copied / "01.jpg")
    predict(copied, "-o", target, "--resume")
    [row] = [row for row in rows(target, "jsonl") if row["source"].endswith("01.jpg")]
    assert (row["width"], row["people"]) == (80, [])
