"""Recipes: what is accepted, and what an error says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from affekt.data.augment.config import AugmentConfig
from affekt.data.torch.views import VIEWS
from affekt.errors import ConfigError
from affekt.heads import KINDS_OF_HEADS
from affekt.labels import CATEGORIES, PRIMARY_AND_CONTEMPT, VAD
from affekt.models.fusion import FUSIONS
from affekt.training.losses.dimensional import DIMENSIONAL_LOSSES
from affekt.training.losses.multi_label import MULTI_LABEL_LOSSES
from affekt.training.recipe.losses import LOSSES, DimensionalKind, MultiLabelKind
from affekt.training.recipe.model import LABELS, STREAMS, FusionTable, HeadTable
from affekt.training.recipe.recipe import Recipe, parse_recipe, read_recipe
from affekt.training.recipe.renamed import RENAMED, WERE_WORDS
from affekt.training.recipe.run import AugmentTable

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.toml"))
FACE, BODY = {"backbone": "resnet18"}, {"backbone": "resnet18"}
MINIMAL = """
[run]
out = "runs/mine"

[data]
manifests = ["data/mine"]

[streams.face]
backbone = "resnet18"

[heads.primary]
"""
PEOPLE = {"categories": {}, "vad": {}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(MINIMAL)
    return path


def minimal(**tables: object) -> dict[str, Any]:
    base = {"run": {"out": "o"}, "data": {"manifests": ["m"]}}
    return {**base, "streams": {"face": FACE}, "heads": {"primary": {}}, **tables}


def streams(**of: dict[str, Any]) -> dict[str, Any]:
    return minimal(streams=of)


def cached(**features: object) -> dict[str, Any]:
    return {"cache": True, **features}


def folds(**table: object) -> dict[str, Any]:
    return minimal(heads=PEOPLE, features=cached(), folds={"count": 3, **table})


def test_there_are_recipes() -> None:
    assert CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_is_accepted(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.data.manifests and recipe.run.out


def test_what_is_not_given_has_the_documented_default(file: Path) -> None:
    recipe = read_recipe(file)
    assert recipe.data.manifests == ("data/mine",)
    assert recipe.labels == {"primary": PRIMARY_AND_CONTEMPT}
    assert (recipe.run.seed, recipe.run.devices, recipe.run.precision) == (0, 1, "32-true")
    assert recipe.augment is None and recipe.folds is None and recipe.labels_only is None
    assert not recipe.numbers and not recipe.features.cache and not recipe.trained
    assert parse_recipe(minimal(heads=PEOPLE)).labels == {
        "categories": CATEGORIES,
        "vad": VAD,
    }


def test_an_override_takes_the_place_of_a_value(file: Path) -> None:
    overrides = [
        "optim.epochs=3",
        "optim.lr = 1",
        "streams.face.backbone=resnet50",
        "streams.body.share=face",
        'heads.primary.labels=["fear", "anger"]',
        "augment.flip=0.0",
        "run.out=elsewhere",
    ]
    recipe = read_recipe(file, overrides)
    assert recipe.optim.epochs == 3
    assert recipe.optim.lr == 1.0 and isinstance(recipe.optim.lr, float)
    assert recipe.crops["face"].backbone == "resnet50"
    assert recipe.crops["body"].share == "face"
    assert recipe.labels["primary"] == ("fear", "anger")
    assert recipe.augment is not None and recipe.augment.flip == 0.0
    assert recipe.run.out == "elsewhere"


@pytest.mark.parametrize("override", ["optim.epochs", "epochs=3", "optim.=3", ""])
def test_an_override_of_another_form_is_refused(file: Path, override: str) -> None:
    with pytest.raises(ConfigError, match=r"expected table\.key=value"):
        read_recipe(file, [override])


def test_an_override_inside_what_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("optim = 3\n" + MINIMAL)
    with pytest.raises(ConfigError, match="optim: expected a table"):
        read_recipe(path, ["optim.epochs=3"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (minimal(optim={"epoch": 3}), "unknown key optim.epoch: did you mean 'epochs'"),
        (minimal(optimizer={}), "unknown key optimizer: did you mean 'optim'"),
        (minimal(stream={}), "unknown key stream: did you mean 'streams'"),
        (streams(bdy=BODY), "unknown key streams.bdy: did you mean 'body'"),
        (streams(body={"backbon": "x"}), "unknown key streams.body.backbon: did you mean"),
        (minimal(heads={"primry": {}}), "unknown key heads.primry: did you mean 'primary'"),
        (streams(body={"backbone": 18}), "streams.body.backbone: expected str, got 18"),
        (minimal(optim={"epochs": 2.5}), "optim.epochs: expected int, got 2.5"),
        (minimal(optim={"epochs": True}), "optim.epochs: expected int, got True"),
        (minimal(optim={"epochs": "3"}), "optim.epochs: expected int, got '3'"),
        (minimal(optim={"lr": True}), "optim.lr: expected float, got True"),
        (minimal(optim={"lr": "fast"}), "optim.lr: expected float, got 'fast'"),
        (minimal(features={"cache": 1}), "features.cache: expected bool, got 1"),
        (minimal(optim=3), "optim: expected a table, got 3"),
        (minimal(data={"manifests": "m"}), "data.manifests: expected a list, got 'm'"),
        (minimal(data={"manifests": [1]}), "data.manifests: expected str, got 1"),
        (minimal(data={}), "missing key data.manifests"),
        ({"data": {"manifests": ["m"]}, "heads": {"primary": {}}}, "missing key run"),
        (minimal(data={"manifests": []}), "data.manifests: expected at least one manifest, got"),
        (minimal(data={"manifests": ["m"], "workers": -1}), "data.workers: expected 0 or more"),
        (minimal(run={"out": "o", "devices": 0}), "run.devices: expected 1 or more, got 0"),
        (minimal(optim={"epochs": 0}), "optim.epochs: expected 1 or more"),
        (minimal(optim={"batch": 0}), "optim.batch: expected 1 or more"),
        (minimal(optim={"accumulate": 0}), "optim.accumulate: expected 1 or more"),
        (minimal(optim={"lr": 0.0}), "optim.lr: expected more than 0"),
        (minimal(optim={"lr": float("nan")}), "optim.lr: expected a finite number, got nan"),
        (minimal(optim={"epochs": 10**400}), "optim.epochs: expected a number of at most 2^53"),
        (minimal(optim={"ema": 1.0}), "optim.ema: expected from 0 to below 1"),
        (minimal(optim={"patience": -1}), "optim.patience: expected 0 or more"),
        (minimal(optim={"clip": 0}), "optim.clip: expected more than 0"),
        (minimal(optim={"optimizer": "adam"}), "optim.optimizer: unknown 'adam'; did you mean"),
        (minimal(optim={"schedule": 3}), "optim.schedule: expected cosine or step, got 3"),
        (streams(face={**FACE, "size": 16}), "streams.face.size: expected 32 or more"),
        (streams(face={**FACE, "early_size": 16}), "streams.face.early_size: expected 32 or more"),
        (streams(face={**FACE, "drop_path": 1.0}), "streams.face.drop_path: expected from 0 to"),
        (minimal(loss={"primary": {"label_smoothing": 1.5}}),
         "loss.primary.label_smoothing: expected a share"),
        (minimal(loss={"primary": {"logit_adjustment": -1}}),
         "loss.primary.logit_adjustment: expected 0 or more"),
        (minimal(loss={"categories": {"kind": "bec"}}),
         "loss.categories.kind: unknown 'bec'; did you mean 'bce'"),
        (minimal(loss={"vad": {"kind": "huber"}}),
         "loss.vad.kind: unknown 'huber'; known: margin, smooth_l1"),
        (minimal(loss={"vad": {"margin": 0}}), "loss.vad.margin: expected more than 0"),
        (minimal(augment={"flip": 1.5}), "augment.flip: expected a share from 0 to 1"),
        (minimal(augment={"surround": -0.1}), "augment.surround: expected a share from 0 to 1"),
        (minimal(augment={"scale": 1.0}), "augment.scale: expected from 0 to below 1"),
        (minimal(augment={"occlude_max": 0.05}), "augment.occlude_max: expected from 0.1 to 1"),
        (minimal(augment={"downscale_min": 57}), "augment.downscale_min: expected from 1 to 56"),
        (minimal(heads={}), "heads: expected at least one head"),
        (minimal(heads={"primary": {"labels": ["fear"]}}),
         "heads.primary.labels: expected at least two labels"),
        (minimal(heads={"primary": {"labels": ["fear", "fear"]}}),
         "heads.primary.labels: expected each label once"),
        (minimal(streams={}), "streams: expected at least one stream"),
        (streams(body={}), "streams.body: expected one of backbone, share and bundle"),
        (streams(body={**BODY, "share": "scene"}), "streams.body: expected one of backbone, share"),
        (streams(body={"share": "scene"}, scene=BODY, face={"share": "body"}),
         "streams.face.share: unknown 'body'; known: scene"),
        (streams(body=BODY, scene={"share": "body", "train": "all"}),
         "streams.scene.train: expected no such key"),
        (streams(body={**BODY, "crop": "squar"}), "streams.body.crop: unknown 'squar'; did you"),
        (streams(face={**FACE, "crop": "square"}), "streams.face.crop: expected no such key"),
        (streams(face={**FACE, "blank_person": True}), "streams.face.blank_person: expected false"),
        (streams(face={"bundle": "face", "train": "all"}),
         "streams.face.train: expected no such key: the bundle says it"),
        (streams(face={"bundle": "face", "weights": "random"}),
         "streams.face.weights: expected no such key"),
        (streams(body=BODY, scene={"share": "body", "early_size": 64}),
         "streams.scene.early_size: expected no such key: the owner of the encoder says it"),
        (streams(body=BODY, scene={"share": "body", "drop_path": 0.1}),
         "streams.scene.drop_path: expected no such key"),
        (minimal(optim={"early_epochs": 2}), "optim.early_epochs: expected 0, or an early_size in"),
        (minimal(loss={"vad": {"margin": 2.0}}),
         "loss.vad: expected no such table, or one heads.vad"),
        (streams(face={"bundle": "face", "size": 96}), "streams.face.size: expected no such key"),
        (minimal(fusion={"kind": "gate"}), "fusion.kind: unknown 'gate'; did you mean 'gated'"),
        (minimal(fusion={"kind": "gated", "hidden": 0}), "fusion.hidden: expected 1 or more"),
        (streams(face=FACE, geometry={}) | {"fusion": {"kind": "none"}},
         "fusion.kind: expected mlp or"),
        (minimal(fusion={"dropout": 1.0}), "fusion.dropout: expected from 0 to below 1"),
        (minimal(features=cached(), streams={"body": {**BODY, "train": "last:1"}}),
         "features.cache: expected false where an encoder is trained"),
        (minimal(features=cached(), optim={"early_epochs": 1}), "optim.early_epochs: expected 0"),
        (minimal(features={"views": 2}), "features.views: expected 1, or features.cache = true"),
        (minimal(features=cached(views=2)), "features.views: expected 2 or more with a table"),
        (minimal(features=cached(), augment={}), "features.views: expected 2 or more with a table"),
        (minimal(heads=PEOPLE, folds={"count": 5}), "folds: expected features.cache = true"),
        (minimal(features=cached(), folds={"count": 5}), "folds: expected heads.categories and"),
        (folds(count=1), "folds.count: expected 0, or 2 or more"),
        (folds(calibrate_on=["tran"]), "folds.calibrate_on: unknown 'tran'; did you mean 'train'"),
        (folds(calibrate_on=[]), "folds.calibrate_on: expected train, val or both"),
        (folds(annotators={"train": 1, "val": 5}), "missing key folds.annotators.use"),
        (folds(annotators={"train": 5, "val": 5, "use": 3}), "folds.annotators.val: expected anot"),
        (folds(calibrate_on=["train", "val"], annotators={"train": 1, "val": 5, "use": 3}),
         "folds.annotators: expected no such table, or calibrate_on"),
        (folds() | {"run": {"out": "o", "devices": 2}}, "run.devices: expected 1 where there is"),
        (minimal(heads=PEOPLE, labels_only={"manifests": ["l"], "box_prior": 0.3}),
         "labels_only.box_prior: expected 0, or a table folds"),
        (minimal(heads=PEOPLE, labels_only={"manifests": []}),
         "labels_only.manifests: expected at least one manifest"),
        (minimal(heads=PEOPLE, labels_only={"manifests": ["l"], "teacher": 1.5}),
         "labels_only.teacher: expected a share from 0 to 1"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_used_is_refused_by_the_name_of_the_key(
    content: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_recipe(content)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("kind", "context", "kind: no longer a key, leave it out: streams and heads"),
        ("model.backbone", "resnet18", "model.backbone: now streams.face.backbone"),
        ("data.labels", ["fear", "anger"], "data.labels: now heads.primary.labels"),
        ("data.folds", 8, "data.folds: now folds.count"),
        ("data.annotators", [1, 5, 3], "data.annotators: now folds.annotators with train, val and"),
        ("teacher.weight", 1.0, "teacher.weight: now labels_only.teacher"),
        ("loss.categories", "bce", "loss.categories: now loss.categories.kind"),
        ("loss.margin", 1.0, "loss.margin: now loss.vad.margin"),
        ("streams.face.encoder", "bundle:face", "streams.face.encoder: now streams.face.bundle"),
        ("geometry.use", True, "geometry.use: now streams.geometry.use"),
        ("optim.early_size", 64, "optim.early_size: now early_size of each stream"),
    ],
)
def test_an_earlier_key_is_answered_by_the_one_that_has_taken_its_place(
    key: str, value: object, message: str
) -> None:
    content: dict[str, Any] = minimal()
    *tables, name = key.split(".")
    table = content
    for part in tables:
        table[part] = dict(table.get(part, {}))
        table = table[part]
    table[name] = value
    with pytest.raises(ConfigError) as caught:
        parse_recipe(content)
    assert str(caught.value).startswith(message)


OPEN_TABLES: dict[str, type] = {
    **{f"streams.{name}": table for name, table in STREAMS.items()},
    **{f"heads.{name}": HeadTable for name in KINDS_OF_HEADS},
    **{f"loss.{name}": LOSSES[kind] for name, kind in KINDS_OF_HEADS.items()},
}


def test_every_new_name_of_an_earlier_key_is_a_key() -> None:
    known = {*_keys(Recipe)}
    for stem, table in OPEN_TABLES.items():
        known |= {stem, *_keys(table, f"{stem}.")}
    for old, new in RENAMED.items():
        first = new.partition(",")[0].partition(" with ")[0]
        if " of " not in first:
            assert first in known, (old, new)
        assert old not in known
    assert all(f"{name}.kind" in known for name in WERE_WORDS)


def _keys(table: type, stem: str = "") -> Any:
    """The dotted keys of a table."""
    for name, kind in get_type_hints(table).items():
        key = f"{stem}{name}"
        yield key
        inner = next((own for own in (kind, *get_args(kind)) if is_dataclass(own)), None)
        if inner is not None:
            yield from _keys(inner, f"{key}.")


def test_the_names_in_recipes_are_those_that_exist() -> None:
    assert set(get_args(MultiLabelKind)) == set(MULTI_LABEL_LOSSES)
    assert set(get_args(DimensionalKind)) == set(DIMENSIONAL_LOSSES)
    assert set(get_args(get_type_hints(FusionTable)["kind"])) == set(FUSIONS)
    assert {*LABELS} == {*KINDS_OF_HEADS} and {*STREAMS} == {*VIEWS}
    plain = {field.name: field.default for field in fields(AugmentTable)}
    assert plain == {field.name: field.default for field in fields(AugmentConfig)}


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
        read_recipe(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read"):
        read_recipe(tmp_path / "absent.toml")


def test_content_that_is_no_table_is_refused() -> None:
    content: Mapping[str, Any] = {"run": [1]}
    with pytest.raises(ConfigError, match="run: expected a table, got"):
        parse_recipe({**minimal(), **content})
