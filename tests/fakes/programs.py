"""`affekt predict` in a process of its own, and what it wrote read by other libraries."""

import csv
import io
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from affekt.files import unfinished

Program = Callable[..., tuple[int, str, str]]
"""Takes words; gives exit code, standard output and standard error."""

FORMATS = ("json", "jsonl", "csv", "parquet")
ODD_NAMES = (b"caf\xe9.jpg", b"=1+1.jpg", b"'tis.jpg", b"a\rb\nc.jpg", b"\x1b]52;c;eA==\x07.jpg")
MAIN = "from affekt.cli import main; main()"
FILLS_UP = (
    "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000));"
)


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


def lines(path: Path) -> Iterator[dict]:
    for line in path.read_bytes().split(b"\n"):
        try:
            yield json.loads(line.strip(b"[],"))
        except ValueError:
            continue
