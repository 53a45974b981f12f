"""The loop: it learns, it can be killed at any moment, and it repeats itself exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.targets import hard_labels
from affekt.errors import ConfigError, DataError
from affekt.models.build import load_network
from affekt.training.config import TrainConfig
from affekt.training.optimizing import learning_share
from affekt.training.processes import Progress
from affekt.training.tasks.face_data import face_dataset
from affekt.training.train import train
from fakes.runs import assert_same_run, records

Recipe = Callable[..., TrainConfig]
PLAIN = {"flip": 0.0, "person_degrees": 0.0, "person_scale": 0.0, "person_shift": 0.0,
         "brightness": 0.0, "contrast": 0.0, "colour": 0.0, "grey": 0.0, "blur": 0.0,
         "downscale": 0.0, "jpeg": 0.0, "occlude": 0.0, "background": 0.0, "mask": 0.0}  # fmt: skip


def test_one_batch_can_be_overfitted(recipe: Recipe) -> None:
    config = recipe(
        optim={"epochs": 15, "batch": 24, "lr": 1e-2, "encoder_lr": 1e-2},
        loss={"label_smoothing": 0.0},
        model={"drop_rate": 0.0, "drop_path": 0.0},
        augment=PLAIN,
    )
    best = train(config)
    losses = [record["train_loss"] for record in records(config.run.out)]
    assert losses[0] > 0.5
    assert losses[-1] < 0.05
    network = load_network(best)
    dataset = face_dataset(
        [Manifest.open(path) for path in config.data.manifests], "train", config.data.labels, 32
    )
    with torch.inference_mode():
        found = network(torch.stack([sample.images()["face"][0] for sample in dataset])).argmax(
            dim=1
        )
    assert found.tolist() == hard_labels(dataset.rows, config.data.labels).tolist()


def test_an_epoch_leaves_metrics_a_picture_and_a_network_with_its_history(recipe: Recipe) -> None:
    config = recipe(optim={"epochs": 2})
    seen: list[tuple[int, int, int]] = []
    best = train(config, Progress(lambda *step: seen.append(step)))
    assert seen == [(epoch, step, 3) for epoch in (0, 1) for step in (1, 2, 3)]
    out = Path(config.run.out)
    assert [record["epoch"] for record in records(out)] == [0, 1]
    for record in records(out):
        assert record["val"]["drawn"]["n"] == 9
        assert record["score"] == record["val"]["drawn"]["balanced_accuracy"]
        assert math.isfinite(record["train_loss"])
    with Image.open(out / "curves.png") as picture:
        assert picture.format == "PNG"
    spec = load_network(best).spec
    assert spec.labels == config.data.labels
    assert spec.weights == "random"
    assert spec.history["config"]["optim"]["lr"] == 3e-3
    chosen = records(out)[spec.history["epoch"]]
    assert spec.history["val"] == chosen["val"]
    assert chosen["score"] == max(record["score"] for record in records(out))


def test_the_recorded_figures_are_those_of_the_saved_network(recipe: Recipe) -> None:
    config = recipe()
    best = train(config)
    network = load_network(best)
    manifests = [Manifest.open(path) for path in config.data.manifests]
    dataset = face_dataset(manifests, "val", config.data.labels, 32)
    with torch.inference_mode():
        logits = network(torch.stack([sample.images()["face"][0] for sample in dataset]))
    expected = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(dataset.targets["primary"])
    )
    assert network.spec.history["val"]["drawn"]["loss"] == pytest.approx(expected.item(), rel=1e-4)


def test_a_resumed_run_equals_an_uninterrupted_one(recipe: Recipe, tmp_path: Path) -> None:
    whole = recipe(run={"out": str(tmp_path / "whole")})
    train(whole)
    halved = recipe(run={"out": str(tmp_path / "halved")}, data={"workers": 1})

    def stop_in_the_second_epoch(epoch: int, step: int, steps: int) -> None:
        if (epoch, step) == (1, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(halved, Progress(stop_in_the_second_epoch))
    assert [record["epoch"] for record in records(halved.run.out)] == [0]
    train(halved)
    assert_same_run(whole.run.out, halved.run.out)


def test_another_seed_gives_another_run(recipe: Recipe, tmp_path: Path) -> None:
    outs = [str(tmp_path / name) for name in ("a", "b")]
    for seed, out in enumerate(outs):
        train(recipe(run={"out": out, "seed": seed}, optim={"epochs": 1}))
    assert records(outs[0]) != records(outs[1])


def test_lines_of_an_epoch_that_was_not_completed_are_replaced(recipe: Recipe) -> None:
    """A kill between the metrics and the checkpoint leaves a line that the next run writes."""
    config = recipe(optim={"epochs": 2})
    out = Path(config.run.out)
    checkpoints: dict[int, bytes] = {}

    def keep(epoch: int, step: int, steps: int) -> None:
        if epoch == 1 and step == 1:
            checkpoints[0] = (out / "last.ckpt").read_bytes()

    train(config, Progress(keep))
    expected = records(out)
    (out / "last.ckpt").write_bytes(checkpoints[0])
    train(config)
    assert records(out) == expected


def test_a_finished_run_is_left_as_it_is(recipe: Recipe) -> None:
    config = recipe(optim={"epochs": 1})
    best = train(config)
    before = best.stat().st_mtime_ns
    assert train(config) == best
    assert best.stat().st_mtime_ns == before


def test_a_run_of_another_recipe_is_not_continued(recipe: Recipe) -> None:
    train(recipe(optim={"epochs": 1}))
    with pytest.raises(ConfigError, match="holds a run of another recipe"):
        train(recipe(optim={"epochs": 1, "lr": 1e-2, "encoder_lr": 1e-2}))


def test_a_checkpoint_that_is_garbage_is_named(recipe: Recipe) -> None:
    config = recipe(optim={"epochs": 1})
    out = Path(config.run.out)
    out.mkdir()
    (out / "last.ckpt").write_bytes(b"garbage")
    with pytest.raises(ConfigError, match=r"last\.ckpt: not a checkpoint of affekt train"):
        train(config)


def test_a_run_without_progress_stops_after_its_patience(recipe: Recipe) -> None:
    """A learning rate of next to nothing never beats the first epoch."""
    config = recipe(
        optim={"epochs": 9, "lr": 1e-12, "encoder_lr": 1e-12, "patience": 2, "ema": 0.0},
        augment=PLAIN,
    )
    train(config)
    scores = [record["score"] for record in records(config.run.out)]
    best = int(np.argmax(scores))
    assert len(scores) == best + 3 < 9


def test_a_last_face_that_is_alone_joins_the_step_before_it(recipe: Recipe) -> None:
    """At 32 pixels a single face leaves batch normalisation one value per channel."""
    config = recipe(optim={"epochs": 1, "batch": 23}, model={"backbone": "test_resnet"})
    seen: list[tuple[int, int, int]] = []
    train(config, Progress(lambda *step: seen.append(step)))
    assert seen == [(0, 1, 1)]


def test_a_manifest_that_is_missing_is_named(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no manifest at"):
        train(recipe(data={"manifests": [str(tmp_path / "absent")]}))


def test_a_set_without_validation_faces_is_refused(
    recipe: Recipe, tmp_path: Path, write_faces: Callable[..., Manifest]
) -> None:
    write_faces(tmp_path / "set", "drawn", ("anger", "neutral"), {"train": 2})
    with pytest.raises(DataError, match="no rows with a label of primary in the splits val"):
        train(recipe(data={"manifests": [str(tmp_path / "set")]}))


def test_bf16_training_saves_single_precision(recipe: Recipe) -> None:
    best = train(recipe(run={"precision": "bf16-mixed"}, optim={"epochs": 1}))
    assert {tensor.dtype for tensor in load_file(best).values()} <= {torch.float32, torch.int64}


def test_a_device_that_is_not_there_is_one_line(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"^run: cannot be set up on this machine: [^\n]*$"):
        train(recipe(run={"accelerator": "abacus"}))


def test_the_learning_rate_warms_up_and_falls_to_zero(recipe: Recipe) -> None:
    optim = recipe(optim={"epochs": 10, "warmup_epochs": 2.0}).optim
    assert learning_share(optim, 0.0) == pytest.approx(1e-3 / 2)
    assert learning_share(optim, 1.0) == pytest.approx(0.5, rel=2e-3)
    assert learning_share(optim, 2.0) == pytest.approx(1)
    assert learning_share(optim, 6.0) == pytest.approx(0.5)
    assert learning_share(optim, 10.0) == pytest.approx(0.0)
    falling = [learning_share(optim, epoch) for epoch in np.linspace(2, 10, 20)]
    assert falling == sorted(falling, reverse=True)


def test_without_a_warm_up_the_first_step_has_the_full_rate(recipe: Recipe) -> None:
    assert learning_share(recipe(optim={"warmup_epochs": 0.0}).optim, 0.0) == 1
