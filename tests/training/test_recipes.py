"""Every recipe of the project trains, on drawn people with small networks in place of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affekt.data.manifests.manifest import write_manifest
from affekt.data.manifests.row import Row
from affekt.labels import CATEGORIES
from affekt.models.saved import load_network
from affekt.training.recipe.reading import read_content
from affekt.training.recipe.recipe import parse_recipe
from affekt.training.train import train
from fakes.backbones import TWO_BLOCKS
from fakes.rows import PEOPLE
from fakes.runs import records

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
EXPECTED = {
    *("face", "face_finetune", "context", "efficientnet", "inception_v3", "kosti2019"),
    *("resnet50", "three_stream", "vgg16"),
}
EACH = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)


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


@pytest.fixture
def content(
    path: Path, tmp_path: Path, faces: Path, drawn_people: Path, labels_only: Path
) -> dict[str, Any]:
    """A recipe of the project with small networks and sets in place of its own."""
    content = read_content(path)
    of_faces = "primary" in content["heads"]
    content["run"] |= {"out": str(tmp_path / "run"), "accelerator": "cpu", "threads": 1}
    content["run"].pop("start", None)
    content["data"] |= {"manifests": [str(faces if of_faces else drawn_people)], "workers": 0}
    if "labels_only" in content:
        content["labels_only"]["manifests"] = [str(labels_only)]
    if of_faces:
        content["heads"]["primary"]["labels"] = ["anger", "happiness", "neutral"]
    content.setdefault("features", {})["folder"] = str(tmp_path / "features")
    for stream in content["streams"].values():
        if "backbone" in stream:
            stream |= {"backbone": TWO_BLOCKS, "weights": "random", "size": 64}
        if "early_size" in stream:
            stream["early_size"] = 32
    return content


@EACH
def test_a_recipe_trains(content: dict[str, Any]) -> None:
    content["optim"] |= {
        "epochs": 2,
        "early_epochs": min(content["optim"].get("early_epochs", 0), 1),
    }
    recipe = parse_recipe(content)
    network = load_network(train(recipe))
    assert all(record["train_loss"] > 0 for record in records(recipe.run.out))
    assert all(torch.isfinite(p).all() for p in network.parameters())


@EACH
def test_a_recipe_learns_one_batch_by_heart(content: dict[str, Any]) -> None:
    for stream in content["streams"].values():
        if "backbone" in stream:
            stream["size"] = 32
    for hook in ("folds", "labels_only", "augment"):
        content.pop(hook, None)
    calm = {"epochs": 30, "batch": 24, "patience": 0, "weight_decay": 0.0, "ema": 0.0}
    content["optim"] |= calm | {"early_epochs": 0, "step_epochs": 30, "lr": 2e-2}
    content["fusion"] |= {"dropout": 0.0, "stream_dropout": 0.0}
    content["features"]["views"] = 1
    if "primary" in content["heads"]:
        content["loss"]["primary"]["label_smoothing"] = 0.0
    recipe = parse_recipe(content)
    train(recipe)
    losses = [record["train_loss"] for record in records(recipe.run.out)]
    assert losses[-1] < 0.6 * losses[0]
