"""What becomes of thousands of hostile files, and of runs that are killed again and again.

    python benchmarks/reliability.py --files 6000 --kills 100

Makes files with ``tests/fakes/hostile``, runs ``affekt predict`` on them in a process of its own,
and looks for each of them in results and error lines.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from accounting import kind_of_line, lost, named, people, sources_so_far
from affekt.files import unfinished
from affekt.media import Source, expand_sources
from launch import commit, processor
from output import insert, table, write
from watching import Run, predict

TESTS = Path(__file__).parents[1] / "tests"
PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
MOST_HANGS = 20
KILLED_FILES = 600
"""Files of a run that is killed: few, so that kills come at every moment of it."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Hostile files: where they are, all their paths, bytes of all together."""

    folder: Path
    files: frozenset[str]
    size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a corpus.

    Attributes:
        format: of the results.
        code: the exit code.
        results: pictures that have one; in CSV those with somebody.
        people: found in them.
        errors: files that an error line names.
        tracebacks: of Python.
        unexpected: error lines of what was not foreseen.
        foreign: lines that other libraries wrote.
        hangs: files at which nothing came for `watching.PATIENCE` seconds.
        lost: files without result or line that are of no kind said to be passed over; in CSV
            those whose people are not those of the first run.
        doubled: pictures with two results, or a result and an error line.
        longest_pause: seconds without a new result or line.
        seconds: by the clock.
        peak_mb: the most memory at a time, 10**6 bytes.
    """

    format: str
    code: int
    results: int
    people: int
    errors: int
    tracebacks: int
    unexpected: int
    foreign: int
    hangs: tuple[str, ...]
    lost: tuple[str, ...]
    doubled: int
    longest_pause: float
    seconds: float
    peak_mb: float


def main() -> None:
    """Measures what is asked for, and writes it down."""
    options = _options()
    figures: dict[str, Any] = {
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "seed": options.seed,
    }
    with _scratch(options.folder) as folder:
        corpus = make_corpus(folder / "corpus", options.files, options.seed, "large")
        figures |= {"files": len(corpus.files), "bytes": corpus.size}
        first = read_all(corpus, folder / "results.jsonl")
        second = read_all(corpus, folder / "results.csv", like=folder / "results.jsonl")
        figures["runs"] = [asdict(outcome) for outcome in (first, second)]
        write("reliability", figures, "the runs that are killed come next")
        small = make_corpus(folder / "small", KILLED_FILES, options.seed + 1, "small")
        figures["kills"] = [
            kill_often(small, folder / f"killed.{kind}", options.kills // 2, options.seed)
            for kind in ("jsonl", "csv")
        ]
    page = render(figures)
    write("reliability", figures, page)
    insert(PAGE, "hostile files", page)


def make_corpus(folder: Path, count: int, seed: int, size: str) -> Corpus:
    """Hostile files below a new folder; ``size``, large or small, is that of bombs among them."""
    command = [sys.executable, "-m", "fakes.hostile", str(folder), str(count), str(seed), size]
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": paths}
    )
    written = json.loads(done.stdout)
    return Corpus(folder, frozenset(written["files"]), written["size"])


def read_all(corpus: Corpus, target: Path, like: Path | None = None) -> Outcome:
    """Runs over all files; one at which the run hangs is taken out, and the run is resumed.

    Args:
        corpus: the files.
        target: where results go.
        like: results of the same files that these must equal, where they cannot name all.
    """
    runs, hangs = list[Run](), list[str]()
    words = ["--model", "face", str(corpus.folder)]
    while not runs or (runs[-1].hung and len(hangs) < MOST_HANGS):
        runs.append(predict([*words, "--resume"] if hangs else words, target))
        if runs[-1].hung:
            hangs.append(_take_out(corpus, target, runs[-1]))
    lines = [line for run in runs for line in run.lines]
    kinds = Counter(map(kind_of_line, lines))
    failed, found = set(named(lines, corpus.files)), people(target)
    done = [name for name, _ in found]
    if like is None:
        missing = lost(corpus.files - set(done) - failed - set(hangs), lines)
    else:
        missing = sorted({name for name, _ in set(found) ^ {p for p in people(like) if p[1]}})
    return Outcome(
        format=target.suffix[1:],
        code=runs[-1].code,
        results=len(done),
        people=sum(count for _, count in found),
        errors=len(failed),
        tracebacks=kinds["traceback"],
        unexpected=kinds["unexpected"],
        foreign=kinds["foreign"],
        hangs=tuple(hangs),
        lost=tuple(missing),
        doubled=len(done) - len(set(done) - failed),
        longest_pause=max(run.longest_pause for run in runs),
        seconds=sum(run.seconds for run in runs),
        peak_mb=max(run.peak_mb for run in runs),
    )


def _take_out(corpus: Corpus, target: Path, run: Run) -> str:
    """Empties the first picture that has neither result nor error line, and gives its path."""
    items = expand_sources([str(corpus.folder)]).items
    names = [item.name for item in items if isinstance(item, Source)]
    seen = set(named(run.lines, names))
    for path in unfinished(target):
        seen.update(sources_so_far(path))
    name = next(name for name in names if name not in seen)
    Path(name).write_bytes(b"")
    return name


def kill_often(corpus: Corpus, target: Path, kills: int, seed: int) -> dict[str, Any]:
    """Runs that are killed at random moments and resumed, until that many kills are spent."""
    words = ["--model", "face", str(corpus.folder)]
    whole = target.with_stem("whole")
    reference = predict(words, whole)
    dice, spent, finished, equal, lines = random.Random(seed), 0, 0, 0, 0
    while spent < kills or not target.exists():
        moment = dice.uniform(0, reference.seconds) if spent < kills else float("inf")
        run = predict([*words, "--resume"], target, kill_after=moment)
        lines += sum(kind_of_line(line) in ("traceback", "unexpected") for line in run.lines)
        if run.code < 0:
            spent += 1
            continue
        finished += 1
        equal += run.code == reference.code and target.read_bytes() == whole.read_bytes()
        if spent < kills:
            target.unlink()
    return {
        "format": target.suffix[1:],
        "files": len(corpus.files),
        "kills": spent,
        "finished": finished,
        "equal": equal,
        "tracebacks_or_unexpected": lines,
    }


def render(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    runs = figures["runs"]
    rows = [
        *([title, *(_count(run[key]) for run in runs)] for key, title in _COUNTED.items()),
        *([title, *(f"{run[key]:.0f} {unit}" for run in runs)] for key, title, unit in _MEASURED),
    ]
    kills = [
        [str(run[column]) for column in ("format", "kills", "finished", "equal")]
        for run in figures["kills"]
    ]
    return "\n\n".join(
        [
            f"{figures['files']:,} files, {figures['bytes'] / 1e6:.0f} MB, seed "
            f"{figures['seed']}; {figures['cores']} cores, {figures['date']}, commit "
            f"{figures['commit']}.",
            table(["", *(run["format"] for run in runs)], rows),
            f"{KILLED_FILES} files, each run killed at random moments and resumed:",
            table(["format", "kills", "runs finished", "equal to one not killed"], kills),
        ]
    )


_COUNTED = {
    "code": "exit code",
    "results": "files with a result",
    "people": "people found",
    "errors": "files with an error line",
    "tracebacks": "tracebacks",
    "unexpected": "errors not foreseen",
    "foreign": "lines of other libraries",
    "hangs": "hangs",
    "lost": "files lost",
    "doubled": "files with two results, or a result and an error",
}
_MEASURED = (
    ("longest_pause", "longest pause", "s"),
    ("seconds", "time", "s"),
    ("peak_mb", "peak memory", "MB"),
)


def _count(value: int | Sequence[str]) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{len(value):,}"


@contextmanager
def _scratch(parent: str | None) -> Iterator[Path]:
    folder = mkdtemp(prefix="hostile-", dir=parent)
    try:
        yield Path(folder)
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)  # which no depth can stop


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=6000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where files are made meanwhile; a temporary folder")
    return parser.parse_args()


if __name__ == "__main__":
    main()
