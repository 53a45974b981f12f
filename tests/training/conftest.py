"""What the tests of training share: tiny recipes and networks on one thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from affekt.data.manifests.manifest import Manifest
from affekt.training.recipe.recipe import Recipe, parse_recipe
from affekt.view.plots import plot_training
from fakes.backbones import TWO_BLOCKS

LABELS = ["anger", "happiness", "neutral"]
Content = dict[str, Any]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_curves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of a run takes longer than a tiny run: only tests with the mark have it drawn."""
    looked_at = request.node.get_closest_marker("curves") is not None
    draw = plot_training if looked_at else lambda *_: None  # whatever tests of other rooms left
    monkeypatch.setattr("affekt.training.curves.plot_training", draw)


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory, write_faces: Callable[..., Manifest]) -> Path:
    """A folder with a manifest of three labels: 24 faces to learn from, 9 to check on."""
    folder = tmp_path_factory.mktemp("faces")
    write_faces(folder, "drawn", tuple(LABELS), {"train": 8, "val": 3})
    return folder


@pytest.fixture(scope="session")
def drawn_people(
    tmp_path_factory: pytest.TempPathFactory, write_drawn_people: Callable[..., Manifest]
) -> Path:
    """A folder with a manifest of people: 18 in 9 pictures to learn from, 8 to check on."""
    folder = tmp_path_factory.mktemp("drawn-people")
    write_drawn_people(folder, {"train": (2, 1, 3, 2, 2, 1, 3, 1, 3), "val": (1, 2, 3, 2)})
    return folder


@pytest.fixture
def recipe(tmp_path: Path, faces: Path) -> Callable[..., Recipe]:
    """A tiny recipe of face crops; tables given as keywords replace its values, key by key."""
    face = {"backbone": TWO_BLOCKS, "weights": "random", "size": 32, "train": "all"}
    content = {
        **_run(tmp_path, faces),
        "streams": {"face": face},
        "fusion": {"kind": "none", "dropout": 0.2},
        "heads": {"primary": {"labels": LABELS}},
        "optim": {"epochs": 3, "batch": 8, "lr": 3e-3, "encoder_lr": 3e-3, "ema": 0.5},
        "augment": {},
    }
    return _builder(content)


@pytest.fixture
def people_recipe(tmp_path: Path, drawn_people: Path) -> Callable[..., Recipe]:
    """A tiny recipe of body and scene, with frozen encoders; keywords as in `recipe`."""
    body = {"backbone": TWO_BLOCKS, "weights": "random", "size": 32}
    content = {
        **_run(tmp_path, drawn_people),
        "streams": {"body": body, "scene": {"share": "body"}, "geometry": {}},
        "fusion": {"hidden": 16},
        "heads": {"categories": {}, "vad": {}},
        "optim": {"epochs": 3, "batch": 6, "lr": 1e-2, "ema": 0.5},
        "features": {"folder": str(tmp_path / "features")},
    }
    return _builder(content)


def _run(folder: Path, manifest: Path) -> Content:
    return {
        "run": {"out": str(folder / "run"), "accelerator": "cpu", "threads": 1, "seed": 3},
        "data": {"manifests": [str(manifest)], "workers": 0},
    }


def _builder(content: Content) -> Callable[..., Recipe]:
    def build(**changes: Content | None) -> Recipe:
        tables = dict(content)
        for table, values in changes.items():
            tables[table] = None if values is None else {**(tables.get(table) or {}), **values}
        return parse_recipe({name: own for name, own in tables.items() if own is not None})

    return build
