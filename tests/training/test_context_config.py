"""Recipes of context models: what is accepted, and what an error says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from affekt.errors import ConfigError
from affekt.training.config import parse_config
from affekt.training.context_config import (
    CATEGORY_LOSSES,
    VAD_LOSSES,
    load_context_config,
    parse_context_config,
)
from affekt.training.context_losses import CATEGORY_LOSSES as LOSSES_OF_CATEGORIES
from affekt.training.context_losses import VAD_LOSSES as LOSSES_OF_VAD

BODY = {"backbone": "resnet18"}
MINIMAL = """
kind = "context"

[run]
out = "runs/mine"

[data]
manifests = ["data/emotic"]

[streams.body]
backbone = "resnet18"
"""


def minimal(**tables: object) -> dict[str, Any]:
    base = {"kind": "context", "run": {"out": "o"}, "data": {"manifests": ["m"]}}
    return {**base, "streams": {"body": BODY}, **tables}


def streams(**of: dict[str, Any]) -> dict[str, Any]:
    return minimal(streams=of)


def cached(**features: object) -> dict[str, Any]:
    return {"cache": True, **features}


def test_what_is_not_given_has_the_documented_default(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(MINIMAL)
    config = load_context_config(tmp_path / "r.toml")
    assert [name for name, _ in config.streams.items()] == ["body"]
    assert config.geometry.use and config.augment is None
    assert (config.data.folds, config.features.cache) == (0, False)


def test_an_override_reaches_into_a_stream(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(MINIMAL)
    overrides = ["streams.body.weights=random", "streams.face.encoder=bundle:face", "optim.lr=1"]
    config = load_context_config(tmp_path / "r.toml", overrides)
    assert config.streams.body is not None and config.streams.body.weights == "random"
    assert config.streams.face is not None and config.optim.lr == 1.0


def test_the_names_of_the_losses_are_those_that_exist() -> None:
    assert set(CATEGORY_LOSSES) == set(LOSSES_OF_CATEGORIES)
    assert set(VAD_LOSSES) == set(LOSSES_OF_VAD)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({**minimal(), "kind": "contxt"}, "kind: expected face or context, got 'contxt'"),
        ({**minimal(), "kind": "face"}, "kind: a recipe of a context model is expected"),
        (minimal(stream={}), "unknown key stream: did you mean 'streams'"),
        (streams(bdy=BODY), "unknown key streams.bdy: did you mean 'body'"),
        (streams(body={"backbon": "x"}), "unknown key streams.body.backbon: did you mean"),
        (streams(body={"backbone": 18}), "streams.body.backbone: expected str, got 18"),
        (streams(body={}), "streams.body: expected either backbone or share"),
        (streams(body={**BODY, "share": "scene"}), "streams.body: expected either backbone or"),
        (streams(body={"encoder": "bundle:face"}), "streams.body: expected either backbone or"),
        (streams(body={"share": "scene"}, scene=BODY, face={"share": "body"}),
         "streams.face.share: unknown 'body'; known: scene"),
        (streams(body=BODY, scene={"share": "body", "train": "all"}),
         "streams.scene.train: expected no such key"),
        (streams(body={**BODY, "crop": "squar"}), "streams.body.crop: unknown 'squar'; did you"),
        (streams(body={**BODY, "size": 16}), "streams.body.size: expected 32 or more"),
        (streams(face={"crop": "square"}), "streams.face.crop: expected face-square"),
        (streams(face={"blank_person": True}), "streams.face.blank_person: expected false"),
        (streams(face={"encoder": "face"}), "streams.face.encoder: expected bundle:NAME"),
        (streams(face={"train": "all"}), "streams.face.train: expected none"),
        (streams(face={"size": 96}), "streams.face.size: expected no such key"),
        (minimal(streams={}, geometry={"use": False}), "streams: expected at least one stream"),
        (minimal(loss={"categories": "bec"}), "loss.categories: unknown 'bec'; did you mean 'bce'"),
        (minimal(loss={"vad": "huber"}), "loss.vad: unknown 'huber'; known: margin, smooth_l1"),
        (minimal(loss={"margin": 0}), "loss.margin: expected more than 0"),
        (minimal(fusion={"kind": "gate"}), "fusion.kind: unknown 'gate'; did you mean 'gated'"),
        (minimal(fusion={"kind": "gated", "hidden": 0}), "fusion.hidden: expected 1 or more"),
        (minimal(fusion={"dropout": 1.0}), "fusion.dropout: expected from 0 to below 1"),
        (minimal(optim={"optimizer": "adam"}), "optim.optimizer: unknown 'adam'; did you mean"),
        (minimal(optim={"accumulate": 0}), "optim.accumulate: expected 1 or more"),
        (minimal(data={"manifests": []}), "data.manifests: expected at least one"),
        (minimal(data={"manifests": ["m"], "folds": 1}), "data.folds: expected 0, or 2 or more"),
        (minimal(data={"manifests": ["m"], "folds": 5}), "data.folds: expected 0, or features."),
        (minimal(geometry={"prior": 0.3}), "geometry.prior: expected 0, or data.folds and"),
        (minimal(geometry={"prior": -1.0}), "geometry.prior: expected 0 or more"),
        (minimal(features=cached(), streams={"body": {**BODY, "train": "last:1"}}),
         "features.cache: expected false where an encoder is trained"),
        (minimal(features={"views": 2}), "features.views: expected 1, or features.cache = true"),
        (minimal(features=cached(views=2)), "features.views: expected 2 or more with a table"),
        (minimal(features=cached(), augment={}), "features.views: expected 2 or more with a table"),
        (minimal(features=cached(), data={"manifests": ["m"], "folds": 5},
                 run={"out": "o", "devices": 2}), "run.devices: expected 1 where data.folds"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_used_is_refused_by_the_name_of_the_key(
    content: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_context_config(content)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_context_recipe_is_no_face_recipe() -> None:
    with pytest.raises(ConfigError, match="kind: a recipe of a face model is expected here"):
        parse_config(minimal())
