"""Whether preparation, training and evaluation hold at the size of EMOTIC: time and memory.

    python benchmarks/emotic_scale.py --folder /tmp/emotic-scale [--labels DIR]

Made-up sets (`fake_emotic`) of several sizes go through ``affekt prepare emotic`` without and with
faces, the same again with nothing to do, ``affekt train`` (features of body and scene by a tiny
network, cached, then one epoch), and ``affekt evaluate`` on the test persons. Each is a process of
its own. Beside them, in the same run, a loader that keeps every decoded crop in memory, as the
code commonly used for EMOTIC does, until it holds ``--limit-mb``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import output
from launch import Cost, launch, processor

SIZES = (1_000, 5_000, 34_320)
FACE_SIZE_LIMIT = 1_000
"""Faces are looked for in the smallest set alone: that costs the same for every picture."""

MOST_MB = 1_500
"""What preparation and evaluation may hold at any size."""

MOST_GROWTH = 1.25
"""How much longer 1,000 persons may take in the largest set than in the smallest."""

PREPARE, FACES, AGAIN = "prepare", "prepare, with faces", "prepare again, nothing changed"
TRAIN, EXPORT, EVALUATE = "train: cache features, 1 epoch", "export", "evaluate"
KEEP = "loader that keeps crops"
BOUNDED = (PREPARE, AGAIN, EVALUATE)
STEPS = (PREPARE, FACES, AGAIN, TRAIN, EXPORT, EVALUATE, KEEP)

BODY, SCENE = 128, 224
"""Sides of the crops that the other loader keeps, in pixels."""

RECIPE = """\
[run]
out = {out}
accelerator = "cpu"
[data]
manifests = [{manifest}]
workers = 0
[streams.body]
backbone = "test_resnet"
weights = "random"
size = 64
[streams.scene]
share = "body"
[streams.geometry]
use = true
[heads.categories]
[heads.vad]
[optim]
epochs = 1
[features]
cache = true
folder = {features}
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One step at one size.

    Attributes:
        step: of `STEPS`.
        persons: in the set.
        handled: persons that the step handled: those of train and val, of test, or all.
        cost: of the process.
    """

    step: str
    persons: int
    handled: int
    cost: Cost

    @property
    def seconds(self) -> float:
        """By the clock, per 1,000 persons handled."""
        return self.cost.seconds * 1000 / self.handled

    @property
    def cpu_seconds(self) -> float:
        """Of all threads together, per 1,000 persons handled."""
        return self.cost.cpu_seconds * 1000 / self.handled


def main() -> int:
    """Measure, print and write; 1 where a limit is broken."""
    options = _options()
    if options.keep:
        keep_crops(Path(options.keep), Path(options.folder), options.limit_mb)
        return 0
    results: list[Measured] = []
    for persons in options.sizes:
        results += measure_size(Path(options.folder), persons, options)
        checks = report(results, options)
    return 0 if all(checks.values()) else 1


def report(results: list[Measured], options: argparse.Namespace) -> dict[str, bool]:
    """Prints and writes what was measured so far; gives what must hold, and whether it does."""
    checks = check(results)
    figures = {
        "processor": processor(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "limit_mb": options.limit_mb,
        "drawn_from": "given labels" if options.labels else "built-in marginals",
        "steps": [{**asdict(one), "seconds_per_1000": one.seconds} for one in results],
        "checks": checks,
    }
    output.write("emotic_scale", figures, page(results, figures))
    return checks


def measure_size(root: Path, persons: int, options: argparse.Namespace) -> list[Measured]:
    """Every step on a set of that many persons."""
    source, work = root / f"emotic-{persons}", root / f"work-{persons}"
    _make(source, persons, options.labels)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    affekt = str(Path(sysconfig.get_path("scripts")) / "affekt")
    prepare = [affekt, "prepare", "emotic", str(source), "--out"]
    results: list[Measured] = []

    def run(step: str, command: list[str], handled: Callable[[dict[str, int]], int]) -> None:
        print(f"{persons:,} persons: {step}", file=sys.stderr)
        cost = launch(command)
        results.append(Measured(step, persons, handled(_counts(work)), cost))
        print(
            f"  {cost.seconds:.1f} s, {cost.cpu_seconds:.1f} CPU s, {cost.peak_mb:.0f} MB",
            file=sys.stderr,
        )

    run(PREPARE, [*prepare, str(work), "--no-faces"], _everybody)
    run(AGAIN, [*prepare, str(work), "--no-faces"], _everybody)
    if persons <= FACE_SIZE_LIMIT:
        run(FACES, [*prepare, str(work / "faces")], _everybody)
    recipe = work / "recipe.toml"
    paths = {"out": work / "run", "manifest": work, "features": work / "features"}
    recipe.write_text(RECIPE.format(**{k: json.dumps(str(v)) for k, v in paths.items()}))
    run(TRAIN, [affekt, "train", str(recipe)], lambda counts: counts["train"] + counts["val"])
    bundle, best = str(work / "bundle"), str(work / "run" / "best.safetensors")
    named = ["--out", bundle, "--name", "tiny", "--data", str(work)]
    run(EXPORT, [affekt, "export", best, *named], lambda counts: counts["val"])
    report = ["--output", str(work / "figures.json")]
    evaluate = [affekt, "evaluate", "--model", bundle, "--data", str(work), *report]
    run(EVALUATE, evaluate, lambda counts: counts["test"])
    keep = [__file__, "--folder", str(work), "--keep", str(work), "--limit-mb"]
    run(KEEP, [sys.executable, *keep, str(options.limit_mb)], lambda _: _kept(work))
    return results


def _make(source: Path, persons: int, labels: str | None) -> None:
    if (source / "Annotations" / "Annotations.mat").exists():
        return
    print(f"{persons:,} persons: making the set", file=sys.stderr)
    script = str(Path(__file__).with_name("fake_emotic.py"))
    given = ["--labels", labels] if labels else []
    launch([sys.executable, script, str(source), "--persons", str(persons), *given])


def _counts(work: Path) -> dict[str, int]:
    """Persons in use of each split."""
    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415 (lean until then)

    manifest = Manifest.open(work)
    return {split: manifest.count(split) for split in ("train", "val", "test")}


def _everybody(counts: dict[str, int]) -> int:
    return sum(counts.values())


def _kept(work: Path) -> int:
    kept: int = json.loads((work / "kept.json").read_text())
    return kept


def keep_crops(manifest: Path, out: Path, limit_mb: float) -> None:
    """Crops of every person, each from a picture decoded for it, all kept until the limit.

    Writes how many persons it came to into ``kept.json``.
    """
    from PIL import Image  # noqa: PLC0415

    from affekt.data.manifests.manifest import Manifest  # noqa: PLC0415
    from affekt.data.manifests.pictures import read_row_picture  # noqa: PLC0415

    opened, kept = Manifest.open(manifest), []
    for row in opened.rows():
        picture = Image.fromarray(read_row_picture(opened, row))
        body = picture.crop(tuple(map(round, row.person_xyxy)))  # type: ignore[arg-type]
        kept.append([_pixels(body, BODY), _pixels(picture, SCENE)])
        if len(kept) % 100 == 0 and _resident_mb() > limit_mb:
            break
    (out / "kept.json").write_text(json.dumps(len(kept)))


def _pixels(picture: Any, side: int) -> Any:
    import numpy as np  # noqa: PLC0415

    return np.asarray(picture.resize((side, side)))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def check(results: list[Measured]) -> dict[str, bool]:
    """What must hold, and whether it does."""
    largest = max(one.persons for one in results)
    checks = {}
    for step in BOUNDED:
        own = {one.persons: one for one in results if one.step == step}
        small, large = own[min(own)], own[largest]
        checks[f"{step}: under {MOST_MB:,} MB"] = large.cost.peak_mb < MOST_MB
        checks[f"{step}: no slower per 1,000 persons at full size"] = (
            large.cpu_seconds < MOST_GROWTH * small.cpu_seconds
        )
    return checks


def page(results: list[Measured], figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    sizes = sorted({one.persons for one in results})
    cells = {(one.step, one.persons): one for one in results}

    def rows(say: Callable[[Measured], str]) -> list[list[str]]:
        return [
            [step, *(say(cells[step, size]) if (step, size) in cells else "" for size in sizes)]
            for step in STEPS
        ]

    head = ["persons in the set", *(f"{size:,}" for size in sizes)]
    kept = {size: cells[KEEP, size].handled for size in sizes}
    ends = [
        f"{size:,}: {'all kept' if kept[size] == size else f'ended at {kept[size]:,} persons'}"
        for size in sizes
    ]
    held = [f"- {'held' if ok else 'BROKEN'}: {name}" for name, ok in figures["checks"].items()]
    return "\n".join(
        [
            "# EMOTIC at full size",
            "",
            f"{figures['processor']}, {figures['cpus']} CPUs at a load of {figures['load']}; sets "
            f"drawn from {figures['drawn_from']}. Figures are per 1,000 persons that the step "
            "handles: all of them, those of train and val for training, of val for export (which "
            "calibrates), of test for evaluation. Each is a process of its own, start included.",
            "",
            "Seconds per 1,000 persons, by the clock: whatever else the machine did counts too",
            "",
            output.table(head, rows(lambda one: f"{one.seconds:.1f}")),
            "",
            "CPU seconds per 1,000 persons",
            "",
            output.table(head, rows(lambda one: f"{one.cpu_seconds:.1f}")),
            "",
            "Peak memory, MB",
            "",
            output.table(head, rows(lambda one: f"{one.cost.peak_mb:,.0f}")),
            "",
            f"From {sizes[0]:,} to {sizes[-1]:,} persons, each 1,000 more in the set add: "
            f"{', '.join(_growth(cells, sizes))}.",
            "",
            f"The loader that keeps crops (body {BODY}, scene {SCENE} pixels) was given "
            f"{figures['limit_mb']:,.0f} MB. {'; '.join(ends)}.",
            "",
            *held,
        ]
    )


def _growth(cells: dict[tuple[str, int], Measured], sizes: list[int]) -> Iterator[str]:
    for step in (*BOUNDED, TRAIN):
        small, large = (cells[step, size].cost.peak_mb for size in (sizes[0], sizes[-1]))
        more = 1000 * (large - small) / max(sizes[-1] - sizes[0], 1)
        yield f"{step} {more:.1f} MB"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--folder", required=True, help="for the sets; needs 1 GB")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="persons of each set")
    parser.add_argument("--labels", help="a folder of EMOTIC's labels as CSV, to draw from")
    parser.add_argument("--limit-mb", type=float, default=4_000, help="of the other loader")
    parser.add_argument("--keep", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
