"""Every recipe of the project trains, on drawn people with small networks in place of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affekt.data.manifests.manifest import write_manifest
from affekt.data.manifests.row import Row
from affekt.labels import CATEGORIES
from affekt.models.context import load_context
from affekt.training.context_config import parse_context_config
from affekt.training.recipe import read_recipe, recipe_kind
from affekt.training.train import train
from fakes.rows import PEOPLE

CONFIGS = [
    path
    for path in sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
    if recipe_kind(read_recipe(path)) == "context"
]
EXPECTED = {
    *("context", "efficientnet", "inception_v3", "kosti2019", "resnet50", "three_stream", "vgg16")
}


def test_the_recipes_are_there() -> None:
    assert {path.stem for path in CONFIGS} >= EXPECTED


@pytest.fixture(scope="module")
def labels_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of people without pictures, in which every category is there and not there."""
    folder, random = tmp_path_factory.mktemp("labels-only"), np.random.default_rng(0)
    rows = [
        Row(
            id=f"{number}",
            source="drawn",
            split="train",
            width=100,
            height=100,
            box_xyxy=(10.0, 10.0, 60.0, 90.0),
            categories=(CATEGORIES[number % 26], CATEGORIES[(number + 7) % 26]),
            vad=tuple(random.uniform(1, 10, 3)),
        )
        for number in range(78)
    ]
    write_manifest(folder, rows, labels=PEOPLE, root=".", note={})
    return folder


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_recipe_trains(path: Path, tmp_path: Path, drawn_people: Path, labels_only: Path) -> None:
    content: dict[str, Any] = read_recipe(path)
    content["run"] |= {"out": str(tmp_path / "run"), "accelerator": "cpu", "threads": 1}
    content["data"] |= {"manifests": [str(drawn_people)], "workers": 0}
    if "labels_only" in content["data"]:
        content["data"]["labels_only"] = [str(labels_only)]
    content["optim"] |= {"epochs": 2}
    content.setdefault("features", {})["folder"] = str(tmp_path / "features")
    for stream in content["streams"].values():
        if "backbone" in stream:
            stream |= {"backbone": "test_resnet", "weights": "random", "size": 32}
    network = load_context(train(parse_context_config(content)))
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert all(json.loads(line)["train_loss"] > 0 for line in lines)
    assert all(torch.isfinite(p).all() for p in network.parameters())
