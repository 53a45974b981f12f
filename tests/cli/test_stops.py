"""What signals, full disks and other processes leave of `affekt predict`: valid files."""

import csv
import io
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from fakes.programs import FILLS_UP, FORMATS, rows, run, wait_until_grown

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="signals, links and limits of POSIX"
)


@pytest.mark.parametrize(
    ("kind", "stop"),
    [("json", "SIGINT"), ("jsonl", "SIGTERM"), ("csv", "SIGHUP"), ("parquet", "SIGTERM")],
)
def test_a_stopped_run_finishes_its_file(
    start, folder: Path, tmp_path: Path, kind: str, stop: str
) -> None:
    target, number = tmp_path / f"r.{kind}", getattr(signal, stop)
    process = start(*[folder] * 40, "-o", target)
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
    *, start, predict, folder: Path, uninterrupted, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"r.{kind}"
    process = start(folder, "-o", target, "--resume")
    wait_until_grown(process, target, 1500)
    process.terminate()
    process.wait()
    assert 0 < len(rows(target, kind)) < 60
    code, _, err = predict(folder, "-o", target, "--resume")
    assert code == 1, err
    assert "going on from" in err
    assert target.read_bytes() == uninterrupted(kind).read_bytes()
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_an_early_stop_keeps_the_old_file(start, folder: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / f"r.{kind}"
    target.write_bytes(b"old")
    stop = "import os, affekt.inference.predictor as p;"
    stop += "p.Predictor.predict_stream = lambda *a, **k: (os.kill(os.getpid(), 2) for _ in [0]);"
    code, _, err = run(start, folder, "-o", target, before=stop)
    assert (code, err) == (130, "affekt: stopped; what was written is valid\n")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_disk_that_fills_up_keeps_what_was_written(
    start, folder: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"r.{kind}"
    good = folder / "00.jpg"
    code, out, err = run(start, *[good] * 150, "-o", target, before=FILLS_UP)
    assert (code, out) == (1, "")
    assert err.startswith(
        f"affekt: error: {target}: cannot be written any further (File too large)"
    )
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [target]
    assert target.stat().st_size <= 60_000
    assert 50 < len(rows(target, kind)) < 150


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_the_second_of_two_writers_is_refused(
    start, predict, folder: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"r.{kind}"
    first = start(*[folder] * 40, "-o", target)
    wait_until_grown(first, target, 1500)
    code, out, err = predict(folder, "-o", target, "--resume")
    assert (code, out) == (2, "")
    assert err == (
        f"affekt: error: {target}: cannot be written (another process is writing it); name a file "
        "in a folder that exists and may be written to\n"
    )
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)
    assert first.returncode == 130
    assert len(rows(target, kind)) > 1


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_ctrl_c_leaves_a_valid_stream(start, photo: Path, kind: str) -> None:
    process = start(*[photo] * 4000, "-f", kind)
    head = process.stdout.readline() + process.stdout.readline()
    process.send_signal(signal.SIGINT)
    text = head + process.stdout.read()
    assert process.wait(30) == 130
    assert "Traceback" not in process.stderr.read()
    if kind == "json":
        assert 0 < len(json.loads(text)) < 4000
    else:
        assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1


@pytest.mark.parametrize("before", [0, 2])
def test_ctrl_c_works_while_a_pipe_is_waited_for(
    start, photo: Path, tmp_path: Path, before: int
) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    process = start(*[photo] * before, pipe)
    with pipe.open("wb"):  # comes back when the program has opened it too
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == "affekt: stopped; what was written is valid\n"
    assert process.returncode == 130


@pytest.mark.parametrize("module", ["affekt.cli.app", "numpy"])
def test_the_first_ctrl_c_works_while_the_program_starts(
    start, photo: Path, tmp_path: Path, module: str
) -> None:
    target = tmp_path / "r.json"
    target.write_bytes(b"old")
    press = f"lambda name, *rest: os.kill(os.getpid(), 2) if name == {module!r} else None"
    before = f"import os, sys; sys.meta_path.insert(0, type('F', (), {{'find_spec': {press}}}));"
    code, _, err = run(start, photo, "-o", target, before=before)
    assert (code, err) == (130, "affekt: stopped; what was written is valid\n")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
