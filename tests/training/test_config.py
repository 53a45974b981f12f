"""Recipes: what is accepted, and what an error says."""

from __future__ import annotations

from pathlib import Path

import pytest

from affekt.errors import ConfigError
from affekt.labels import PRIMARY_AND_CONTEMPT
from affekt.training.config import load_config, parse_config
from affekt.training.context_config import parse_context_config
from affekt.training.recipe import read_recipe, recipe_kind

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
MINIMAL = """
[run]
out = "runs/mine"

[data]
manifests = ["data/mine"]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(MINIMAL)
    return path


def minimal(**tables: object) -> dict[str, object]:
    return {"run": {"out": "o"}, "data": {"manifests": ["m"]}, **tables}


def test_there_are_recipes() -> None:
    assert CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_is_accepted(path: Path) -> None:
    content = read_recipe(path)
    parse = parse_context_config if recipe_kind(content) == "context" else parse_config
    config = parse(content)
    assert config.data.manifests and config.run.out


def test_what_is_not_given_has_the_documented_default(recipe: Path) -> None:
    config = load_config(recipe)
    assert config.data.manifests == ("data/mine",)
    assert config.data.labels == PRIMARY_AND_CONTEMPT
    assert config.model.backbone == "efficientnet_lite0"
    assert (config.run.seed, config.run.devices, config.run.precision) == (0, 1, "32-true")


def test_an_override_takes_the_place_of_a_value(recipe: Path) -> None:
    overrides = [
        "optim.epochs=3",
        "optim.lr = 1",
        "model.backbone=resnet18",
        'data.labels=["fear", "anger"]',
        "augment.flip=0.0",
        "run.out=elsewhere",
    ]
    config = load_config(recipe, overrides)
    assert config.optim.epochs == 3
    assert config.optim.lr == 1.0 and isinstance(config.optim.lr, float)
    assert config.model.backbone == "resnet18"
    assert config.data.labels == ("fear", "anger")
    assert config.augment.flip == 0.0
    assert config.run.out == "elsewhere"


@pytest.mark.parametrize("override", ["optim.epochs", "epochs=3", "optim.=3", ""])
def test_an_override_of_another_form_is_refused(recipe: Path, override: str) -> None:
    with pytest.raises(ConfigError, match=r"expected table\.key=value"):
        load_config(recipe, [override])


def test_an_override_inside_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("optim = 3\n" + MINIMAL)
    with pytest.raises(ConfigError, match="optim: expected a table"):
        load_config(path, ["optim.epochs=3"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (minimal(optim={"epoch": 3}), "unknown key optim.epoch: did you mean 'epochs'"),
        (minimal(optimizer={}), "unknown key optimizer: did you mean 'optim'"),
        (minimal(model={"backbone": 18}), "model.backbone: expected str, got 18"),
        (minimal(optim={"epochs": 2.5}), "optim.epochs: expected int, got 2.5"),
        (minimal(optim={"epochs": True}), "optim.epochs: expected int, got True"),
        (minimal(optim={"lr": True}), "optim.lr: expected float, got True"),
        (minimal(optim={"lr": "fast"}), "optim.lr: expected float, got 'fast'"),
        (minimal(optim=3), "optim: expected a table, got 3"),
        (minimal(data={"manifests": "m"}), "data.manifests: expected a list, got 'm'"),
        (minimal(data={"manifests": [1]}), "data.manifests: expected str, got 1"),
        (minimal(data={}), "missing key data.manifests"),
        ({"data": {"manifests": ["m"]}}, "missing key run"),
        (minimal(data={"manifests": []}), "data.manifests: expected at least one"),
        (
            minimal(data={"manifests": ["m"], "labels": ["angr", "fear"]}),
            "data.labels: unknown label 'angr'",
        ),
        (minimal(data={"manifests": ["m"], "labels": ["fear"]}), "data.labels: expected at least"),
        (
            minimal(data={"manifests": ["m"], "labels": ["fear", "fear"]}),
            "data.labels: expected each",
        ),
        (minimal(data={"manifests": ["m"], "workers": -1}), "data.workers: expected 0 or more"),
        (minimal(run={"out": "o", "devices": 0}), "run.devices: expected 1 or more"),
        (minimal(optim={"epochs": 0}), "optim.epochs: expected 1 or more"),
        (minimal(optim={"batch": 0}), "optim.batch: expected 1 or more"),
        (minimal(optim={"lr": 0.0}), "optim.lr: expected more than 0"),
        (minimal(optim={"lr": float("nan")}), "optim.lr: expected a finite number, got nan"),
        (minimal(optim={"epochs": 10**400}), "optim.epochs: expected a number of at most 2^53"),
        (minimal(optim={"ema": 1.0}), "optim.ema: expected from 0 to below 1"),
        (minimal(optim={"patience": -1}), "optim.patience: expected 0 or more"),
        (minimal(optim={"clip": 0}), "optim.clip: expected more than 0"),
        (minimal(model={"size": 16}), "model.size: expected 32 or more"),
        (minimal(optim={"early_size": 16}), "optim.early_size: expected 32 or more"),
        (minimal(model={"drop_rate": 1.0}), "model.drop_rate: expected from 0 to below 1"),
        (minimal(loss={"label_smoothing": 1.5}), "loss.label_smoothing: expected a share"),
        (minimal(loss={"logit_adjustment": -1}), "loss.logit_adjustment: expected 0 or more"),
        (minimal(augment={"flip": 1.5}), "augment.flip: expected a share from 0 to 1"),
        (minimal(augment={"surround": -0.1}), "augment.surround: expected a share from 0 to 1"),
        (minimal(augment={"scale": 1.0}), "augment.scale: expected from 0 to below 1"),
        (minimal(augment={"occlude_max": 0.05}), "augment.occlude_max: expected from 0.1 to 1"),
        (minimal(augment={"downscale_min": 57}), "augment.downscale_min: expected from 1 to 56"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_refused_by_the_name_of_the_key(
    content: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(content)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[run\nout = 1", "not valid TOML"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"a = " + b"[" * 5000, "more than 40 levels deep"),
        (b"a = " + b"[" * 60 + b"]" * 60, "more than 40 levels deep"),
        (b"a = " + b"9" * 5000, "not valid TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read"):
        load_config(tmp_path / "absent.toml")


def test_the_first_epochs_train_on_smaller_crops() -> None:
    config = parse_config(
        minimal(model={"size": 96}, optim={"early_epochs": 2, "early_size": 64, "epochs": 4})
    )
    assert [config.size_at(epoch) for epoch in range(4)] == [64, 64, 96, 96]
