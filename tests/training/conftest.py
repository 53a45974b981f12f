"""What the tests of training share: tiny recipes and networks on one thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from affekt.data.manifest import Manifest
from affekt.training.config import TrainConfig, parse_config

LABELS = ["anger", "happiness", "neutral"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory, write_faces: Callable[..., Manifest]) -> Path:
    """A folder with a manifest of three labels: 24 faces to learn from, 9 to check on."""
    folder = tmp_path_factory.mktemp("faces")
    write_faces(folder, "drawn", tuple(LABELS), {"train": 8, "val": 3})
    return folder


@pytest.fixture
def recipe(tmp_path: Path, faces: Path) -> Callable[..., TrainConfig]:
    """A tiny recipe; tables given as keywords replace its values, key by key."""

    def build(**changes: dict[str, Any]) -> TrainConfig:
        content: dict[str, dict[str, Any]] = {
            "run": {"out": str(tmp_path / "run"), "accelerator": "cpu", "threads": 1, "seed": 3},
            "data": {"manifests": [str(faces)], "labels": LABELS, "workers": 0},
            "model": {"backbone": "test_efficientnet", "weights": "random", "size": 32},
            "optim": {"epochs": 3, "batch": 8, "lr": 3e-3, "ema": 0.5},
        }
        for table, values in changes.items():
            content[table] = {**content.get(table, {}), **values}
        return parse_config(content)

    return build
