"""The loop: it learns, it can be stopped at any moment, and it repeats itself exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import average_precision_score

from affekt.data.manifests.manifest import Manifest
from affekt.errors import ConfigError, DataError
from affekt.models.saved import load_network
from affekt.training.optimizing import learning_share
from affekt.training.processes import Progress
from affekt.training.recipe.model import NumbersTable
from affekt.training.recipe.recipe import Recipe
from affekt.training.train import train
from fakes.backbones import TWO_BLOCKS
from fakes.reading import read, samples_of
from fakes.runs import assert_same_run, records

Build = Callable[..., Recipe]
TRAINED = {
    "body": {"backbone": TWO_BLOCKS, "weights": "random", "size": 32, "train": "all"},
    "scene": {"share": "body", "blank_person": True},
}
STEADY = {"hidden": 16, "dropout": 0.0, "stream_dropout": 0.0}
STILL = {"epochs": 9, "lr": 1e-12, "encoder_lr": 1e-12, "patience": 2, "ema": 0.0}


@pytest.fixture(params=["faces", "people"])
def family(request: pytest.FixtureRequest, recipe: Build, people_recipe: Build) -> Build:
    """Both families, each with an encoder that is trained and with varied pictures."""
    if request.param == "faces":
        return recipe
    return lambda **changes: people_recipe(**{"streams": TRAINED, "augment": {}, **changes})


def losses(recipe: Recipe) -> list[float]:
    return [record["train_loss"] for record in records(recipe.run.out)]


@pytest.mark.curves
def test_an_epoch_leaves_metrics_a_picture_and_a_network_with_its_history(family: Build) -> None:
    recipe = family(optim={"epochs": 2})
    seen: list[tuple[int, int, int]] = []
    best = train(recipe, Progress(lambda *step: seen.append(step)))
    steps = seen[-1][2]
    assert seen == [(epoch, step + 1, steps) for epoch in (0, 1) for step in range(steps)]
    out = Path(recipe.run.out)
    assert [record["epoch"] for record in records(out)] == [0, 1]
    assert all(math.isfinite(record["train_loss"]) for record in records(out))
    with Image.open(out / "curves.png") as picture:
        assert picture.format == "PNG"
    spec = load_network(best).spec
    assert {name: head.labels for name, head in spec.heads.items()} == recipe.labels
    assert spec.history["config"]["optim"]["lr"] == recipe.optim.lr
    chosen = records(out)[spec.history["epoch"]]
    assert spec.history["val"] == chosen["val"]
    assert chosen["score"] == max(record["score"] for record in records(out))


def test_the_recorded_figures_of_faces_are_those_of_the_saved_network(recipe: Build) -> None:
    made = recipe()
    network = load_network(train(made))
    _, sample = samples_of(network, made.data.manifests, "val")
    logits = read(network, sample)["primary"]
    expected = torch.nn.functional.cross_entropy(logits, sample.targets["primary"])
    recorded = network.spec.history["val"]["drawn"]
    assert recorded["loss"] == pytest.approx(expected.item(), rel=1e-4) and recorded["n"] == 9
    chosen = records(made.run.out)[network.spec.history["epoch"]]
    assert chosen["score"] == recorded["balanced_accuracy"]


def test_the_recorded_figures_of_people_are_those_of_the_saved_network(
    people_recipe: Build,
) -> None:
    made = people_recipe(streams=TRAINED)
    network = load_network(train(made))
    _, sample = samples_of(network, made.data.manifests, "val")
    said, truth = read(network, sample), sample.targets["categories"].numpy()
    shown, logits = truth.any(axis=0), said["categories"].numpy()
    expected = average_precision_score(truth[:, shown], logits[:, shown], average="macro")
    recorded = network.spec.history["val"]["people"]
    assert recorded["n"] == 8
    assert recorded["map"] == pytest.approx(expected, abs=1e-6)
    error = (said["vad"].clamp(1, 10) - sample.targets["vad"]).abs().mean(dim=0)
    assert recorded["valence_mae"] == pytest.approx(error[0].item(), rel=1e-4)


def test_a_resumed_run_equals_an_uninterrupted_one(family: Build, tmp_path: Path) -> None:
    whole = family(run={"out": str(tmp_path / "whole")})
    train(whole)
    halved = family(run={"out": str(tmp_path / "halved")}, data={"workers": 1})

    def stop_in_the_second_epoch(epoch: int, step: int, steps: int) -> None:
        if (epoch, step) == (1, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(halved, Progress(stop_in_the_second_epoch))
    assert [record["epoch"] for record in records(halved.run.out)] == [0]
    train(halved)
    assert_same_run(whole.run.out, halved.run.out)


def test_another_seed_gives_another_run(recipe: Build, tmp_path: Path) -> None:
    outs = [str(tmp_path / name) for name in ("a", "b")]
    for seed, out in enumerate(outs):
        train(recipe(run={"out": out, "seed": seed}, optim={"epochs": 1}))
    assert records(outs[0]) != records(outs[1])


def test_lines_of_an_epoch_that_was_not_completed_are_replaced(recipe: Build) -> None:
    """A kill between the metrics and the checkpoint leaves a line that the next run writes."""
    made = recipe(optim={"epochs": 2})
    out = Path(made.run.out)
    checkpoints: dict[int, bytes] = {}

    def keep(epoch: int, step: int, steps: int) -> None:
        if epoch == 1 and step == 1:
            checkpoints[0] = (out / "last.ckpt").read_bytes()

    train(made, Progress(keep))
    expected = records(out)
    (out / "last.ckpt").write_bytes(checkpoints[0])
    train(made)
    assert records(out) == expected


def test_a_finished_run_is_left_as_it_is_and_no_other_recipe_goes_on_with_it(
    recipe: Build,
) -> None:
    made = recipe(optim={"epochs": 1})
    best = train(made)
    before = best.stat().st_mtime_ns
    assert train(made) == best
    assert best.stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="holds a run of another recipe"):
        train(recipe(optim={"epochs": 1, "lr": 1e-2}))


def test_a_checkpoint_that_is_garbage_is_named(recipe: Build) -> None:
    made = recipe(optim={"epochs": 1})
    out = Path(made.run.out)
    out.mkdir()
    (out / "last.ckpt").write_bytes(b"garbage")
    with pytest.raises(ConfigError, match=r"last\.ckpt: not a checkpoint of affekt train"):
        train(made)


def test_a_run_without_progress_stops_after_its_patience(family: Build) -> None:
    """A learning rate of next to nothing never beats the first epochs."""
    made = family(optim=STILL, augment=None)
    train(made)
    scores = [record["score"] for record in records(made.run.out)]
    assert len(scores) == int(np.argmax(scores)) + 3 < 9


def test_a_last_face_that_is_alone_is_learnt_from(recipe: Build) -> None:
    """At 32 pixels a single face leaves batch normalisation one value per channel."""
    face = {"backbone": "test_resnet", "weights": "random", "size": 32, "train": "all"}
    made = recipe(optim={"epochs": 1, "batch": 23}, streams={"face": face})
    train(made)
    assert np.isfinite(losses(made)).all()


def test_the_first_epochs_of_both_families_see_smaller_crops(family: Build) -> None:
    face = {"backbone": TWO_BLOCKS, "weights": "random", "size": 64, "early_size": 32}
    name = "face" if "primary" in family().heads else "body"
    streams = {"face": face} if name == "face" else {"body": face, "scene": {"share": "body"}}
    made = family(streams=streams, optim={"epochs": 2, "early_epochs": 1, "encoder_lr": 1e-3})
    network = load_network(train(made))
    assert network.spec.streams[name].size == 64
    assert np.isfinite(losses(made)).all()


def test_a_manifest_that_is_missing_is_named(family: Build, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no manifest at"):
        train(family(data={"manifests": [str(tmp_path / "absent")]}))


def test_a_set_without_validation_faces_is_refused(
    recipe: Build, tmp_path: Path, write_faces: Callable[..., Manifest]
) -> None:
    write_faces(tmp_path / "set", "drawn", ("anger", "neutral"), {"train": 2})
    with pytest.raises(DataError, match="no rows with a label of primary in the splits val"):
        train(recipe(data={"manifests": [str(tmp_path / "set")]}))


def test_bf16_training_saves_single_precision(family: Build) -> None:
    made = family(run={"precision": "bf16-mixed"}, optim={"epochs": 1, "balance": 1.0})
    tensors = load_file(train(made))
    assert {tensor.dtype for tensor in tensors.values()} <= {torch.float32, torch.int64}


def test_a_device_that_is_not_there_is_one_line(recipe: Build) -> None:
    with pytest.raises(ConfigError, match=r"^run: cannot be set up on this machine: [^\n]*$"):
        train(recipe(run={"accelerator": "abacus"}))


def test_a_network_to_start_from_is_taken_over(
    recipe: Build, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = train(recipe(run={"out": str(tmp_path / "first")}, optim={"epochs": 1}))
    start = {"out": str(tmp_path / "second"), "start": str(first)}
    second = train(recipe(run=start, optim={**STILL, "epochs": 1, "patience": 0}))
    old, new = load_file(first), load_file(second)
    for name in (name for name in old if name.endswith("weight")):
        torch.testing.assert_close(old[name], new[name])
    caplog.clear()
    start["out"] = str(tmp_path / "third")
    train(
        recipe(run=start, heads={"primary": {"labels": ["anger", "neutral"]}}, optim={"epochs": 1})
    )
    assert "taken over but for heads.heads.primary, which start anew" in caplog.text


def test_cached_training_is_training_without_the_cache(
    people_recipe: Build, tmp_path: Path
) -> None:
    frozen = {**TRAINED, "body": {**TRAINED["body"], "train": "none"}}
    steady: dict[str, Any] = {"streams": frozen, "optim": {"optimizer": "sgd", "lr": 0.05}}
    plain = people_recipe(run={"out": str(tmp_path / "plain")}, **steady)
    cached = people_recipe(
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


def test_faces_learn_from_stored_features_too(recipe: Build, tmp_path: Path) -> None:
    face = {"backbone": TWO_BLOCKS, "weights": "random", "size": 32}
    features = {"cache": True, "folder": str(tmp_path / "features")}
    made = recipe(streams={"face": face}, features=features, augment=None)
    network = load_network(train(made))
    _, sample = samples_of(network, made.data.manifests, "val")
    expected = torch.nn.functional.cross_entropy(
        read(network, sample)["primary"], sample.targets["primary"]
    )
    recorded = network.spec.history["val"]["drawn"]
    assert recorded["loss"] == pytest.approx(expected.item(), rel=1e-3)


def test_a_second_head_finds_the_features_computed(people_recipe: Build, tmp_path: Path) -> None:
    seen: list[tuple[int, ...]] = []
    for name in ("a", "b"):
        made = people_recipe(run={"out": str(tmp_path / name)}, features={"cache": True})
        train(made, Progress(features=lambda *done: seen.append(done)))
        assert bool(seen) == (name == "a")
        seen.clear()


def test_views_of_a_picture_are_shown_in_turn(people_recipe: Build) -> None:
    made = people_recipe(
        features={"cache": True, "views": 3},
        augment={"degrees": 20.0},
        fusion=STEADY,
        optim={"lr": 1e-12, "ema": 0.0},
    )
    train(made)
    assert len(set(losses(made))) == 3


def test_parts_of_a_step_add_up_to_the_step(people_recipe: Build, tmp_path: Path) -> None:
    runs = [
        people_recipe(
            run={"out": str(tmp_path / f"{parts}")},
            fusion=STEADY,
            features={"cache": True},
            optim={"accumulate": parts, "optimizer": "sgd"},
        )
        for parts in (1, 3)
    ]
    for made in runs:
        train(made)
    weights = [load_file(Path(made.run.out) / "best.safetensors") for made in runs]
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


def test_people_without_pictures_teach_the_geometry(
    people_recipe: Build, tmp_path: Path, write_drawn_people: Callable[..., Manifest]
) -> None:
    folder = tmp_path / "labels"
    write_drawn_people(folder, {"train": (2,) * 30}, labels_only=True)
    assert Manifest.open(folder).count("train") == 60
    cached: dict[str, Any] = {"optim": {"epochs": 2}, "features": {"cache": True}}
    labels_only = {"manifests": [str(folder)], "ratio": 2.0}
    network = load_network(train(people_recipe(labels_only=labels_only, **cached)))
    other = people_recipe(run={"out": str(tmp_path / "without")}, **cached)
    without = load_network(train(other))
    first, second = (n.heads.fusion.numbers["geometry"][0].weight for n in (network, without))
    assert not torch.equal(first, second)
    assert network.heads.fusion.missing["body"].any()


def test_labels_of_people_whose_pictures_are_there_are_refused(
    people_recipe: Build, tmp_path: Path, write_drawn_people: Callable[..., Manifest]
) -> None:
    write_drawn_people(tmp_path / "labels", {"train": (1,)}, labels_only=True)
    with pytest.raises(DataError, match=r"every person's picture is in data\.manifests"):
        train(people_recipe(labels_only={"manifests": [str(tmp_path / "labels")]}))


def test_heads_over_geometry_alone_can_be_trained(people_recipe: Build) -> None:
    network = load_network(train(replace(people_recipe(), streams={"geometry": NumbersTable()})))
    assert network.spec.streams == {} and network.spec.numbers == {"geometry": 13}


@pytest.mark.parametrize(
    ("heads", "score"),
    [({"categories": {"labels": ["Peace", "Anger", "Happiness"]}}, "map"), ({"vad": {}}, None)],
)
def test_a_model_has_the_heads_and_labels_that_the_recipe_names(
    people_recipe: Build, heads: dict[str, Any], score: str | None
) -> None:
    made = people_recipe(heads={"categories": None, "vad": None, **heads}, optim={"epochs": 1})
    network = load_network(train(made))
    assert {name: head.labels for name, head in network.spec.heads.items()} == made.labels
    figures = network.spec.history["val"]["people"]
    chosen = records(made.run.out)[0]["score"]
    assert chosen == figures[score] if score else 0 < chosen < 1


@pytest.mark.parametrize("kind", ["weighted_squared", "raw_weighted_squared", "asymmetric"])
def test_losses_train_by_name(people_recipe: Build, kind: str) -> None:
    categories = {"kind": kind, "class_weights": "probabilities", "weights_over": "batch"}
    made = people_recipe(
        loss={"categories": categories, "vad": {"kind": "margin"}},
        fusion=STEADY,
        features={"cache": True},
        optim={"epochs": 12},
    )
    train(made)
    assert np.isfinite(losses(made)).all()
    assert min(losses(made)[-3:]) < losses(made)[0]


def test_the_learning_rate_warms_up_and_falls_to_zero(recipe: Build) -> None:
    optim = recipe(optim={"epochs": 10, "warmup_epochs": 2.0}).optim
    assert learning_share(optim, 0.0) == pytest.approx(1e-3 / 2)
    assert learning_share(optim, 1.0) == pytest.approx(0.5, rel=2e-3)
    assert learning_share(optim, 2.0) == pytest.approx(1)
    assert learning_share(optim, 6.0) == pytest.approx(0.5)
    assert learning_share(optim, 10.0) == pytest.approx(0.0)
    falling = [learning_share(optim, epoch) for epoch in np.linspace(2, 10, 20)]
    assert falling == sorted(falling, reverse=True)
    assert learning_share(recipe(optim={"warmup_epochs": 0.0}).optim, 0.0) == 1


def test_the_learning_rate_falls_in_steps(recipe: Build) -> None:
    stepped = recipe(optim={"schedule": "step", "step_epochs": 7, "epochs": 21}).optim
    shares = [learning_share(stepped, epoch) for epoch in (0, 6.9, 7, 14)]
    assert shares == pytest.approx([1, 1, 0.1, 0.01])
