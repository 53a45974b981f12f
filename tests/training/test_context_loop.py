"""Training in context: it learns, repeats itself exactly, and caching changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import average_precision_score

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import Sample, collate
from affekt.errors import ConfigError, DataError
from affekt.models.context import ContextNetwork, load_context
from affekt.training.context_config import ContextConfig
from affekt.training.optimizing import learning_share
from affekt.training.processes import Progress
from affekt.training.tasks.samples import PEOPLE_HEADS, inputs_of, known_of
from affekt.training.train import train
from fakes.runs import assert_same_run, records

Recipe = Callable[..., ContextConfig]
TRAINED = {
    "body": {"backbone": "test_efficientnet", "weights": "random", "size": 32, "train": "all"},
    "scene": {"share": "body", "blank_person": True},
}
STEADY = {"hidden": 16, "dropout": 0.0, "stream_dropout": 0.0}


def whole(config: ContextConfig, split: str, network: ContextNetwork) -> Sample:
    manifests = [Manifest.open(path) for path in config.data.manifests]
    dataset = RowDataset(manifests, (split,), inputs_of(network.spec.streams), PEOPLE_HEADS)
    return collate([dataset[item] for item in range(len(dataset))])


def read(network: ContextNetwork, sample: Sample) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode():
        features = network.encode(sample.images(), *known_of(sample)[:2])
        logits, vad = network(features, *known_of(sample))
    return logits, vad


def test_one_batch_can_be_overfitted(context_recipe: Recipe) -> None:
    config = context_recipe(
        streams=TRAINED,
        fusion=STEADY,
        optim={"epochs": 30, "batch": 18, "lr": 2e-2, "encoder_lr": 2e-3, "ema": 0.0},
    )
    train(config)
    losses = [record["train_loss"] for record in records(config.run.out)]
    assert losses[-1] < 0.2 * losses[0]


def test_an_epoch_leaves_metrics_a_picture_and_a_network_with_its_history(
    context_recipe: Recipe,
) -> None:
    config = context_recipe(optim={"epochs": 2})
    seen: list[tuple[int, int, int]] = []
    best = train(config, Progress(lambda *step: seen.append(step)))
    assert [epoch for epoch, _, _ in seen] == sorted(epoch for epoch, _, _ in seen)
    assert {epoch for epoch, _, _ in seen} == {0, 1}
    out = Path(config.run.out)
    assert [record["epoch"] for record in records(out)] == [0, 1]
    with Image.open(out / "curves.png") as picture:
        assert picture.format == "PNG"
    network = load_context(best)
    chosen = records(out)[network.spec.history["epoch"]]
    assert network.spec.history["val"] == chosen["val"]
    assert chosen["score"] == max(record["score"] for record in records(out))
    assert network.spec.history["config"]["optim"]["lr"] == 1e-2


def test_the_recorded_figures_are_those_of_the_saved_network(context_recipe: Recipe) -> None:
    config = context_recipe(streams=TRAINED)
    network = load_context(train(config))
    sample = whole(config, "val", network)
    logits, vad = read(network, sample)
    truth = sample.targets["categories"].numpy()
    shown = truth.any(axis=0)
    expected = average_precision_score(truth[:, shown], logits.numpy()[:, shown], average="macro")
    recorded = network.spec.history["val"]["people"]
    assert recorded["n"] == 8
    assert recorded["map"] == pytest.approx(expected, abs=1e-6)
    error = (vad.clamp(1, 10) - sample.targets["vad"]).abs().mean(dim=0)
    assert recorded["valence_mae"] == pytest.approx(error[0].item(), rel=1e-4)


def test_cached_training_is_training_without_the_cache(
    context_recipe: Recipe, tmp_path: Path
) -> None:
    streams = {"body": {"backbone": "test_efficientnet", "weights": "random", "size": 32},
               "scene": {"share": "body", "blank_person": True}}  # fmt: skip
    steady: dict[str, Any] = {"streams": streams, "optim": {"optimizer": "sgd", "lr": 0.05}}
    plain = context_recipe(run={"out": str(tmp_path / "plain")}, **steady)
    cached = context_recipe(
        run={"out": str(tmp_path / "cached")}, features={"cache": True}, **steady
    )
    train(plain)
    train(cached)
    first, second = records(plain.run.out), records(cached.run.out)
    for a, b in zip(first, second, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-5)
        assert a["val"]["people"] == pytest.approx(b["val"]["people"], rel=1e-5, abs=1e-5)
    weights = [load_file(Path(c.run.out) / "best.safetensors") for c in (plain, cached)]
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


def test_a_second_head_finds_the_features_computed(context_recipe: Recipe, tmp_path: Path) -> None:
    seen: list[tuple[int, ...]] = []
    for name in ("a", "b"):
        config = context_recipe(run={"out": str(tmp_path / name)}, features={"cache": True})
        train(config, Progress(features=lambda *done: seen.append(done)))
        assert bool(seen) == (name == "a")
        seen.clear()


def test_views_of_a_picture_are_shown_in_turn(context_recipe: Recipe, tmp_path: Path) -> None:
    config = context_recipe(
        features={"cache": True, "views": 3},
        augment={"degrees": 20.0},
        fusion=STEADY,
        optim={"lr": 1e-12, "ema": 0.0},
    )
    train(config)
    losses = [record["train_loss"] for record in records(config.run.out)]
    assert len(set(losses)) == 3


def test_a_resumed_run_equals_an_uninterrupted_one(context_recipe: Recipe, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"streams": TRAINED, "augment": {}}
    complete = context_recipe(run={"out": str(tmp_path / "whole")}, **changes)
    train(complete)
    halved = context_recipe(run={"out": str(tmp_path / "halved")}, data={"workers": 1}, **changes)

    def stop_in_the_second_epoch(epoch: int, step: int, steps: int) -> None:
        if (epoch, step) == (1, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(halved, Progress(stop_in_the_second_epoch))
    assert [record["epoch"] for record in records(halved.run.out)] == [0]
    train(halved)
    assert_same_run(complete.run.out, halved.run.out)


def test_parts_of_a_step_add_up_to_the_step(context_recipe: Recipe, tmp_path: Path) -> None:
    runs = [
        context_recipe(
            run={"out": str(tmp_path / f"{parts}")},
            fusion=STEADY,
            features={"cache": True},
            optim={"accumulate": parts, "optimizer": "sgd"},
        )
        for parts in (1, 3)
    ]
    for config in runs:
        train(config)
    weights = [load_file(Path(c.run.out) / "best.safetensors") for c in runs]
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


def test_people_without_pictures_teach_the_geometry(
    context_recipe: Recipe, tmp_path: Path, write_drawn_people: Callable[..., Manifest]
) -> None:
    folder = tmp_path / "labels"
    write_drawn_people(folder, {"train": (2,) * 30}, labels_only=True)
    rename = Manifest.open(folder)
    assert rename.count("train") == 60
    config = context_recipe(
        data={"labels_only": [str(folder)], "labels_only_ratio": 2.0},
        optim={"epochs": 2},
        features={"cache": True},
    )
    network = load_context(train(config))
    without = load_context(train(context_recipe(
        run={"out": str(tmp_path / "without")}, optim={"epochs": 2}, features={"cache": True}
    )))  # fmt: skip
    assert not torch.equal(network.head.place[0].weight, without.head.place[0].weight)
    assert network.head.missing["body"].any()


def test_labels_of_people_whose_pictures_are_there_are_refused(
    context_recipe: Recipe, tmp_path: Path, write_drawn_people: Callable[..., Manifest]
) -> None:
    write_drawn_people(tmp_path / "labels", {"train": (1,)}, labels_only=True)
    with pytest.raises(DataError, match=r"every person's picture is in data\.manifests"):
        train(context_recipe(data={"labels_only": [str(tmp_path / "labels")]}))


def test_a_head_over_geometry_alone_can_be_trained(context_recipe: Recipe) -> None:
    network = load_context(train(context_recipe(streams=None)))
    assert network.spec.streams == {} and network.spec.geometry


@pytest.mark.parametrize("categories", ["weighted_squared", "raw_weighted_squared", "asymmetric"])
def test_losses_train_by_name(context_recipe: Recipe, categories: str) -> None:
    loss = {"categories": categories, "class_weights": "probabilities", "weights_over": "batch",
            "vad": "margin"}  # fmt: skip
    config = context_recipe(loss=loss, fusion=STEADY, features={"cache": True},
                            optim={"epochs": 12, "balance": 0.0})  # fmt: skip
    train(config)
    losses = [record["train_loss"] for record in records(config.run.out)]
    assert np.isfinite(losses).all()
    assert min(losses[-3:]) < losses[0]


def test_bf16_training_saves_single_precision(context_recipe: Recipe) -> None:
    config = context_recipe(
        run={"precision": "bf16-mixed"}, streams=TRAINED, optim={"epochs": 1, "balance": 1.0}
    )
    tensors = load_file(train(config))
    assert {tensor.dtype for tensor in tensors.values()} <= {torch.float32, torch.int64}


def test_a_run_of_another_recipe_is_not_continued(context_recipe: Recipe) -> None:
    train(context_recipe(optim={"epochs": 1}))
    with pytest.raises(ConfigError, match="holds a run of another recipe"):
        train(context_recipe(optim={"epochs": 1, "lr": 1e-3}))


def test_a_run_without_progress_stops_after_its_patience(context_recipe: Recipe) -> None:
    config = context_recipe(
        optim={"epochs": 9, "lr": 1e-12, "patience": 2, "ema": 0.0}, features={"cache": True}
    )
    train(config)
    scores = [record["score"] for record in records(config.run.out)]
    assert len(scores) == int(np.argmax(scores)) + 3 < 9


def test_the_learning_rate_falls_in_steps_or_as_a_cosine(context_recipe: Recipe) -> None:
    stepped = context_recipe(
        optim={"schedule": "step", "step_epochs": 7, "epochs": 21, "warmup_epochs": 0.0}
    ).optim
    shares = [learning_share(stepped, epoch) for epoch in (0, 6.9, 7, 14)]
    assert shares == pytest.approx([1, 1, 0.1, 0.01])
    smooth = context_recipe(optim={"epochs": 10}).optim
    assert [learning_share(smooth, e) for e in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
