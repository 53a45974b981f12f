"""Fixtures of the command line's tests."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image

from affekt.bundle import Bundle
from affekt.cli import main
from fakes.programs import MAIN, Program

PHOTO = Path(str(files("affekt") / "assets" / "astronaut.jpg"))


@pytest.fixture(scope="session", autouse=True)
def _signals() -> Iterator[None]:
    """Signals reach what tests start; a shell in the background and nohup have them ignored."""
    wanted = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if sys.platform != "win32":
        wanted[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small copy of the demo's photo, to be quick."""
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    with Image.open(PHOTO) as image:
        image.resize((256, 256)).save(path, quality=95)
    return path


@pytest.fixture(scope="session")
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
def affekt(capfdbinary: pytest.CaptureFixture[bytes]) -> Program:
    """Runs the program in this process with words: exit code, standard output, standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        out, err = capfdbinary.readouterr()
        return int(stopped.value.code or 0), out.decode(), err.decode()

    return run


@pytest.fixture
def predict(affekt: Program, tiny_bundle: Bundle) -> Program:
    """Runs ``affekt predict`` in this process, with a tiny model."""
    return partial(affekt, "predict", "--model", tiny_bundle.folder)


@pytest.fixture
def start(tiny_bundle: Bundle) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``affekt predict`` in a process of its own, with code to run before it."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: object, before: str = "", **options: object) -> subprocess.Popen[str]:
        code = [sys.executable, "-c", before + MAIN, "predict", "--model", str(tiny_bundle.folder)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([*code, *map(str, words)], **(pipes | options)))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def uninterrupted(
    folder: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The file of a run over all pictures that nobody stopped, by format."""
    made = tmp_path_factory.mktemp("whole")

    def get(kind: str) -> Path:
        target = made / f"r.{kind}"
        if not target.exists():
            words = ["predict", "--model", str(tiny_bundle.folder), str(folder), "-o", str(target)]
            with pytest.raises(SystemExit) as stopped:
                main(words)
            assert stopped.value.code == 1  # one picture is damaged
        return target

    return get
