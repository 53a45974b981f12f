import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt import files
from affekt.errors import UsageError
from affekt.files import (
    WorkingFile,
    is_locked,
    is_special,
    refuse_overwrite,
    same_file,
    start_alone,
    unfinished,
    whole_file,
    write_atomically,
)

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and limits of POSIX")

WRITER = "import sys, pathlib; from affekt.files import start_alone; w = start_alone(sys.argv[1])\n"


def test_the_name_is_taken_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with whole_file(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_bytes() == b"old"
        [working] = unfinished(path)
        assert working.read_bytes() == b"new"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"old")

    def fail(handle: int) -> None:
        raise error

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_a_real_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "from affekt.files import write_atomically\n"
        "try: write_atomically(sys.argv[1], bytes(9000))\n"
        "except OSError as error: print(error.filename, error.strerror)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


@posix
def test_mode_and_links_of_the_old_file_are_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to("real.json")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(OSError, match="ring"):
        write_atomically(tmp_path / "ring", b"")


@posix
def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "a", b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


@posix
def test_a_planted_link_is_never_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)
    (tmp_path / f"a.{'0' * 8}.partial").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "a", b"new")
    assert victim.read_bytes() == b"precious"


def test_working_names_cannot_be_guessed(tmp_path: Path) -> None:
    working = [WorkingFile(tmp_path / "a") for _ in range(20)]
    assert len({file.path for file in working}) == 20
    for file in working:
        file.discard()


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=80))
def test_working_names_fit_where_the_final_name_fits(name: str) -> None:
    stem = files._stem(name)
    size = len(os.fsencode(stem)) + len(f".{'m' * 8}{'t' * 8}.partial")
    assert size <= max(len(os.fsencode(name)), files.SHORT_NAME)


@pytest.mark.parametrize("name", ["x" * 250 + ".json", "é" * 125 + ".jpg", "a"])
def test_the_longest_names_are_written_and_found_again(tmp_path: Path, name: str) -> None:
    working = WorkingFile(tmp_path / name, mark="0123abcd")
    assert unfinished(tmp_path / name) == [working.path]
    assert unfinished(tmp_path / name, "0123abcd") == [working.path]
    assert unfinished(tmp_path / name, "ffffffff") == []
    assert unfinished(tmp_path / f"{name[:-1]}y") == []
    working.commit()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_second_writer_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    code = f"{WRITER}w.stream.write(b'x' * 99); w.stream.flush(); print(flush=True); input()"
    first = subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with first:
        assert first.stdout is not None
        first.stdout.readline()
        [left] = unfinished(target)
        assert is_locked(left)
        with pytest.raises(OSError, match="another process"):
            start_alone(target)
        assert unfinished(target) == [left]
        first.kill()
    assert not is_locked(left)
    second = start_alone(target)
    second.commit()
    assert left.read_bytes() == b"x" * 99


def test_of_many_that_start_at_once_one_writes_at_a_time(tmp_path: Path) -> None:
    """Each adds itself to a list that only the one who writes may touch."""
    code = (
        f"{WRITER}log = pathlib.Path(sys.argv[2]); log.open('a').write('+\\n')\n"
        "import time; time.sleep(0.02); log.open('a').write('-\\n'); w.commit()"
    )
    log = tmp_path / "log"
    words = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "r"), str(log)]
    started = [subprocess.Popen(words, stderr=subprocess.DEVNULL) for _ in range(6)]
    codes = [process.wait(60) for process in started]
    assert 0 in codes
    assert log.read_text() == "+\n-\n" * codes.count(0)


def test_a_working_file_that_goes_away_during_the_look_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another process steps back between the list of a folder and the look at its files."""
    writing, leaving = WorkingFile(tmp_path / "r"), WorkingFile(tmp_path / "r")
    entries = list(os.scandir(tmp_path))
    leaving.discard()
    monkeypatch.setattr("os.scandir", lambda _: iter(entries))
    assert unfinished(tmp_path / "r") == [writing.path]
    writing.discard()


@posix
@pytest.mark.parametrize("name", ["/dev/null", "/dev/stdout", "/dev/fd/1"])
def test_devices_are_written_and_never_replaced(name: str) -> None:
    assert is_special(name)
    code = "import sys; from affekt.files import write_atomically as w; w(sys.argv[1], b'content')"
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, check=True)
    assert done.stdout == (b"" if name == "/dev/null" else b"content")
    assert is_special(name)


@posix
def test_a_pipe_is_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE)
    write_atomically(tmp_path / "pipe", b"content")
    assert reader.communicate(timeout=20)[0] == b"content"
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=str(tmp_path.name)):
        write_atomically(tmp_path, b"")
    with pytest.raises(FileNotFoundError, match=r"/no/such'?$"):
        write_atomically("/nowhere/no/such", b"")


def links(folder: Path, kind: str) -> tuple[Path, Path]:
    """A file, and another name for it."""
    given, other = folder / "given.jpg", folder / "other.json"
    given.write_bytes(b"picture")
    if kind == "path":
        (folder / "sub").mkdir()
        return given, folder / "sub" / ".." / "given.jpg"
    if kind == "symbolic":
        other.symlink_to(given)
    else:
        other.hardlink_to(given)
    return given, other


@posix
@pytest.mark.parametrize("kind", ["path", "symbolic", "hard"])
def test_an_output_over_an_input_is_refused(tmp_path: Path, kind: str) -> None:
    given, other = links(tmp_path, kind)
    assert same_file(given, other)
    with pytest.raises(UsageError, match=r"--output: would overwrite .*given\.jpg, which is read"):
        refuse_overwrite({"--output": other}, [tmp_path / "none", given])
    with pytest.raises(UsageError, match="--plot: is also --output"):
        refuse_overwrite({"--output": other, "--plot": given}, [])


def test_other_files_are_not_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    assert not same_file(tmp_path / "a", tmp_path / "b")
    refuse_overwrite({"-o": tmp_path / "a", "--plot": tmp_path / "c"}, [tmp_path / "b"])
    refuse_overwrite({"-o": os.devnull, "--plot": os.devnull}, [tmp_path / "b"])
