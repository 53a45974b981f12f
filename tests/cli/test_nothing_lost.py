"""What `affekt predict` leaves after kills, signals, full disks, and beside others."""

import csv
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from affekt.bundle import Bundle
from affekt.files import unfinished
from affekt.output.csv import unmark_formula
from affekt.output.parquet import from_unicode

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="signals, links and limits of POSIX"
)

FORMATS = ("json", "jsonl", "csv", "parquet")
ODD_NAMES = (b"caf\xe9.jpg", b"=1+1.jpg", b"'tis.jpg", b"a\rb\nc.jpg", b"\x1b]52;c;eA==\x07.jpg")
MAIN = "from affekt.cli import main; main()"
FILLS_UP = (
    "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
)


@pytest.fixture(scope="module")
def folder(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many pictures: a person, nobody, damaged ones, and names that are hard to write."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(60):
        shutil.copy(photo, folder / f"{number:02}.jpg")
    for number in range(5, 60, 7):
        Image.new("RGB", (64, 64), "gray").save(folder / f"{number:02}.jpg")
    (folder / "07.jpg").write_bytes(b"no picture")
    for name in (
        b"caf\xe9.jpg",
        b"=1+1.jpg",
        b"'tis.jpg",
        b"a\rb\nc.jpg",
        b"\x1b]52;c;eA==\x07.jpg",
    ):
        shutil.copy(photo, os.fsencode(folder) + b"/" + name)
    return folder


@pytest.fixture
def affekt(tiny_bundle: Bundle) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``affekt predict`` in a process of its own, with code to run before it."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object, before: str = "", **options: object) -> subprocess.Popen[str]:
        code = [sys.executable, "-c", before + MAIN, "predict", "--model", str(tiny_bundle.folder)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([*code, *map(str, words)], **(pipes | options)))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def run(start: Callable[..., subprocess.Popen[str]], *words: object, **options: object):
    process = start(*words, **options)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_until_grown(process: subprocess.Popen[str], target: Path, size: int) -> None:
    limit = time.monotonic() + 30
    while not any(path.exists() and path.stat().st_size > size for path in unfinished(target)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.002)


def rows(path: Path, kind: str) -> list[dict]:
    """The rows of a results file, read by a library that is not Affekt's."""
    if kind == "parquet":
        return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    return (
        json.loads(text) if kind == "json" else [json.loads(line) for line in text.split("\n")[:-1]]
    )


@pytest.fixture(scope="module")
def uninterrupted(
    folder: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    made = tmp_path_factory.mktemp("whole")

    def get(kind: str) -> Path:
        target = made / f"r.{kind}"
        if not target.exists():
            words = ["predict", "--model", str(tiny_bundle.folder), str(folder), "-o", str(target)]
            done = subprocess.run([sys.executable, "-c", MAIN, *words], check=False)
            assert done.returncode == 1  # one picture is damaged
        return target

    return get


@pytest.mark.parametrize("kind", FORMATS)
def test_a_killed_run_is_gone_on_from(
    affekt, folder: Path, uninterrupted, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"r.{kind}"
    target.write_bytes(b"old")
    dice = random.Random(kind)
    copied = shutil.copytree(folder, tmp_path / "copied")
    for number in range(2):
        process = affekt(copied, "-o", target, *(["--resume"] if number else []))
        wait_until_grown(process, target, dice.randrange(600, 12_000))
        process.kill()
        process.wait()
    assert target.read_bytes() == b"old"
    left = unfinished(target)
    before = [path.read_bytes() for path in left]
    code, _, err = run(affekt, copied / "00.jpg", "-o", target)
    assert code == 0
    assert all(f"{path} holds results of a run that was killed: --resume" in err for path in left)
    assert [path.read_bytes() for path in left] == before
    names = sorted(path.name for path in Path(copied).iterdir())
    done = {Path(row["source"]).name for path in left for row in lines(path)}
    assert 0 < len(done) < len(names)
    for name in done:
        (copied / name).unlink()  # so that reading one again would be seen
    code, _, err = run(affekt, *(f"{copied}/{name}" for name in names), "-o", target, "--resume")
    assert code == 1, err
    assert "going on from" in err and "07.jpg" in err
    same = [{**row, "source": None} for row in rows(target, kind)]
    assert same == [{**row, "source": None} for row in rows(uninterrupted(kind), kind)]
    assert unfinished(target) == []


def lines(path: Path) -> Iterator[dict]:
    for line in path.read_bytes().split(b"\n"):
        try:
            yield json.loads(line.strip(b"[],"))
        except ValueError:
            continue


def test_another_run_is_not_gone_on_from(affekt, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    process = affekt(folder, "-o", target, "--annotate", tmp_path / "copies")
    wait_until_grown(process, target, 600)
    process.kill()
    process.wait()
    [left] = unfinished(target)
    before = left.read_bytes()
    code, _, err = run(affekt, folder / "00.jpg", "-o", target, "--resume")
    assert code == 0
    assert f"{left} is left of a run with other options" in err
    assert "nothing to go on from" in err
    assert left.read_bytes() == before
    code, _, err = run(affekt, folder / "00.jpg", "--resume")
    assert (code, err) == (
        2,
        "affekt: error: --resume goes on from a file: name it with --output\n",
    )


def test_a_picture_changed_since_is_read_again(affekt, folder: Path, tmp_path: Path) -> None:
    copied, target = shutil.copytree(folder, tmp_path / "copied"), tmp_path / "r.jsonl"
    process = affekt(copied, "-o", target)
    wait_until_grown(process, target, 6000)
    process.kill()
    process.wait()
    Image.new("RGB", (80, 70), "gray").save(copied / "01.jpg")
    run(affekt, copied, "-o", target, "--resume")
    [row] = [row for row in rows(target, "jsonl") if row["source"].endswith("01.jpg")]
    assert (row["width"], row["people"]) == (80, [])


@pytest.mark.parametrize(
    ("kind", "stop"),
    [("json", "SIGINT"), ("jsonl", "SIGTERM"), ("csv", "SIGHUP"), ("parquet", "SIGTERM")],
)
def test_a_stopped_run_finishes_its_file(
    affekt, folder: Path, tmp_path: Path, kind: str, stop: str
) -> None:
    target, number = tmp_path / f"r.{kind}", getattr(signal, stop)
    process = affekt(*[folder] * 40, "-o", target)
    wait_until_grown(process, target, 1500)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert err.splitlines()[-1] == "affekt: stopped; what was written is valid"
    assert "Traceback" not in err
    assert 0 < len(rows(target, kind)) < 40 * 60
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_stopped_run_can_be_gone_on_from_too(
    affekt, folder: Path, uninterrupted, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"r.{kind}"
    process = affekt(folder, "-o", target, "--resume")
    wait_until_grown(process, target, 1500)
    process.terminate()
    process.wait()
    assert 0 < len(rows(target, kind)) < 60
    code, _, err = run(affekt, folder, "-o", target, "--resume")
    assert code == 1, err
    assert "going on from" in err
    assert target.read_bytes() == uninterrupted(kind).read_bytes()
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_an_early_stop_keeps_the_old_file(affekt, folder: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"r.{kind}"
    target.write_bytes(b"old")
    stop = "import os, affekt.inference.predictor as p;"
    stop += "p.Predictor.predict_stream = lambda *a, **k: (os.kill(os.getpid(), 2) for _ in [0]);"
    code, _, err = run(affekt, folder, "-o", target, before=stop)
    assert (code, err) == (130, "affekt: stopped; what was written is valid\n")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_disk_that_fills_up_keeps_what_was_written(
    affekt, folder: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"r.{kind}"
    good = folder / "00.jpg"
    code, out, err = run(affekt, *[good] * 400, "-o", target, before=FILLS_UP)
    assert (code, out) == (1, "")
    assert err.startswith(
        f"affekt: error: {target}: cannot be written any further (File too large)"
    )
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [target]
    assert target.stat().st_size <= 100_000
    assert 100 < len(rows(target, kind)) < 400


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_the_second_of_two_writers_is_refused(
    affekt, folder: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"r.{kind}"
    first = affekt(*[folder] * 40, "-o", target)
    wait_until_grown(first, target, 1500)
    code, out, err = run(affekt, folder, "-o", target, "--resume")
    assert (code, out) == (2, "")
    assert err == (
        f"affekt: error: {target}: cannot be written (another process is writing it); name a file "
        "in a folder that exists and may be written to\n"
    )
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)
    assert first.returncode == 130
    assert len(rows(target, kind)) > 1


def test_a_copy_that_cannot_be_written_stops_nothing(affekt, photo: Path, tmp_path: Path) -> None:
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
    code, out, err = run(affekt, source, "--annotate", copies)
    assert code == 1, err
    assert len(json.loads(out)) == 4, err
    assert err.count("affekt: error: ") == err.count("\n") == 3
    assert "16384 x 8 pixels cannot be written as WEBP" in err
    assert (copies / "b.jpg").is_file()
    assert not list(copies.rglob("*.partial"))


@pytest.mark.parametrize("how", ["path", "symbolic", "hard"])
@pytest.mark.parametrize("what", ["picture", "boxes", "bundle", "annotate"])
def test_no_input_is_overwritten(
    affekt, photo: Path, tiny_bundle: Bundle, tmp_path: Path, *, what: str, how: str
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
    code, out, err = run(affekt, picture, *words)
    assert (code, out) == (2, "")
    assert "would overwrite" in err and "which is read" in err and err.count("\n") == 1
    assert files[what].read_bytes() == before


def test_a_linked_output_is_followed_and_keeps_its_mode(
    affekt, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "real.json").chmod(0o600)
    (tmp_path / "r.json").symlink_to("real.json")
    assert run(affekt, photo, "-o", tmp_path / "r.json")[0] == 0
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


def test_a_relative_name_is_no_formula(affekt, folder: Path, tmp_path: Path) -> None:
    _, out, _ = run(affekt, "=1+1.jpg", "'tis.jpg", "-f", "csv", cwd=folder)
    cells = [line.split(",")[0] for line in out.splitlines()]
    assert cells == ["source", "'=1+1.jpg", "''tis.jpg"]


def test_names_do_not_steer_a_terminal(affekt, folder: Path, tmp_path: Path) -> None:
    evil = "\x1b]52;c;eA==\x07.jpg"
    (tmp_path / evil).write_bytes(b"no picture")
    for words in (
        [tmp_path / evil],
        [tmp_path / f"{evil}/missing"],
        ["-o", f"{evil}/x.json", evil],
    ):
        _, _, err = run(affekt, *words)
        assert "\\x1b]52;c;eA==\\x07" in err
        assert not any(
            ord(character) < 32 or ord(character) == 127 for character in err.strip("\n")
        )
    main, terminal = os.openpty()
    process = affekt("-f", "csv", folder / evil, stdout=terminal, stderr=subprocess.DEVNULL)
    assert process.wait(30) == 0
    os.close(terminal)
    shown = os.read(main, 100_000)
    os.close(main)
    assert b"\\x1b]52;c;eA==\\x07.jpg" in shown
    assert b"\x1b" not in shown


def test_closed_standard_streams(affekt, photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    closing = "import os; os.close({}); "
    restart = "import sys; os.execv(sys.executable, [sys.executable, '-c', {!r}, *sys.argv[1:]]);"
    for number in (0, 1, 2):
        before = closing.format(number) + restart.format(MAIN)
        process = affekt(photo, "-o", target, before=before)
        process.communicate(timeout=30)
        assert process.returncode == 0
        assert len(json.loads(target.read_text())) == 1
    code, _, err = run(affekt, photo, before=closing.format(1) + restart.format(MAIN))
    assert (code, err) == (
        2, "affekt: error: standard output is closed: name a file with --output\n"
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_ctrl_c_leaves_a_valid_stream(affekt, photo: Path, kind: str) -> None:
    process = affekt(*[photo] * 4000, "-f", kind)
    head = process.stdout.readline() + process.stdout.readline()
    process.send_signal(signal.SIGINT)
    text = head + process.stdout.read()
    assert process.wait(30) == 130
    assert "Traceback" not in process.stderr.read()
    if kind == "json":
        assert 0 < len(json.loads(text)) < 4000
    else:
        assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1


@pytest.mark.parametrize("module", ["affekt.cli.app", "numpy"])
def test_the_first_ctrl_c_works_while_the_program_starts(
    affekt, photo: Path, tmp_path: Path, module: str
) -> None:
    target = tmp_path / "r.json"
    target.write_bytes(b"old")
    press = f"lambda name, *rest: os.kill(os.getpid(), 2) if name == {module!r} else None"
    before = f"import os, sys; sys.meta_path.insert(0, type('F', (), {{'find_spec': {press}}}));"
    code, _, err = run(affekt, photo, "-o", target, before=before)
    assert (code, err) == (130, "affekt: stopped; what was written is valid\n")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
