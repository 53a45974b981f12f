"""What tiny recipes learn in a few epochs, and what is exported of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.row import Row
from affekt.labels import CATEGORIES
from fakes.rows import PEOPLE, person_row

Golden = Callable[..., None]
Program = Callable[..., str]

LEARNT = 5e-3
"""Rounding that differs between CPUs grows over the steps of a training run."""

RECIPES = Path(__file__).parent / "recipes"
LABELS = ("anger", "happiness", "neutral")
EXPORTED = {
    "face": ("--data", "faces", *(word for name in LABELS for word in ("--label", name))),
    "context-folds": ("--data", "people"),
}
"""How, by the name of the recipe; an export takes longer than the training."""


@pytest.fixture
def workplace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_faces: Callable[..., Manifest],
    write_drawn_people: Callable[..., Manifest],
) -> Path:  # fmt: skip
    """A folder with small sets, in which the program runs on one thread."""
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    write_faces(tmp_path / "faces", "drawn", LABELS, {"train": 8, "val": 3})
    write_drawn_people(tmp_path / "people", {"train": (2, 1, 3, 2, 2, 1), "val": (1, 2, 3, 2)})
    write_manifest(tmp_path / "labels", labels_alone(), labels=PEOPLE, root=".", note={})
    return tmp_path


def labels_alone() -> Iterator[Row]:
    """People without pictures, two of each category and its neighbour."""
    for place, category in enumerate(CATEGORIES * 2):
        both = tuple(sorted({category, CATEGORIES[(place + place // 26 + 1) % 26]}))
        box, vad = (place, 0.0, place + 20.0, 64.0), (1 + place % 9, 5.0, 1 + place % 7)
        yield person_row(f"l{place}#0", *both, width=96, height=64, box_xyxy=box, vad=vad)


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("name", [path.stem for path in sorted(RECIPES.glob("*.toml"))])
def test_training(golden: Golden, affekt: Program, name: str) -> None:
    """The metrics of every epoch and the tensors saved; of two recipes the bundle as well."""
    best = Path(affekt("train", RECIPES / f"{name}.toml").strip())
    text = (best.parent / "metrics.jsonl").read_text(encoding="utf-8")
    metrics = [json.loads(line) for line in text.splitlines()]
    golden(f"train-{name}", [timeless(line) for line in metrics], tolerance=LEARNT)
    with safe_open(best, "pt") as saved:
        shapes = {key: list(saved.get_slice(key).get_shape()) for key in sorted(saved.keys())}
    golden(f"train-{name}-tensors", shapes)
    if name not in EXPORTED:
        return
    words = ("--name", "mine", "--precision", "fp32", *EXPORTED[name])
    affekt("export", best, "--out", "bundle", *words)
    info = json.loads(Path("bundle/bundle.json").read_text(encoding="utf-8"))
    golden(f"train-{name}-bundle", without_hashes(info), tolerance=LEARNT)


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"seconds": 0} if "seconds" in record else record


def without_hashes(value: Any) -> Any:
    """The value without what depends on every bit of the weights."""
    if isinstance(value, dict):
        return {key: without_hashes(own) for key, own in value.items()}
    if isinstance(value, list):
        return [without_hashes(own) for own in value]
    is_hash = isinstance(value, str) and len(value) == 64 and value.isalnum()
    return "SHA-256" if is_hash else value
