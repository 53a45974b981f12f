"""Keys of earlier recipes, each with the one that has taken its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from affekt.typed import shown_key

RENAMED = {
    "model.backbone": "streams.face.backbone",
    "model.weights": "streams.face.weights, or run.start for a network of affekt train",
    "model.size": "streams.face.size",
    "model.drop_rate": "fusion.dropout",
    "model.drop_path": "streams.face.drop_path",
    "model": "streams.face",
    "data.labels": "heads.primary.labels",
    "data.labels_only": "labels_only.manifests",
    "data.labels_only_ratio": "labels_only.ratio",
    "data.folds": "folds.count",
    "data.refit": "folds.refit",
    "data.calibrate_on": "folds.calibrate_on",
    "data.annotators": "folds.annotators with train, val and use",
    "teacher.weight": "labels_only.teacher",
    "teacher.use_labels": "labels_only.teacher_uses_labels",
    "teacher": "labels_only.teacher",
    "geometry.prior": "labels_only.box_prior",
    "geometry.use": "streams.geometry.use",
    "geometry": "streams.geometry",
    "loss.logit_adjustment": "loss.primary.logit_adjustment",
    "loss.label_smoothing": "loss.primary.label_smoothing",
    "loss.class_weights": "loss.categories.class_weights",
    "loss.weights_over": "loss.categories.weights_over",
    "loss.gamma": "loss.categories.gamma",
    "loss.alpha": "loss.categories.alpha",
    "loss.gamma_positive": "loss.categories.gamma_positive",
    "loss.gamma_negative": "loss.categories.gamma_negative",
    "loss.clip": "loss.categories.clip",
    "loss.margin": "loss.vad.margin",
    "loss.category_weight": "loss.categories.weight",
    "loss.vad_weight": "loss.vad.weight",
    "optim.early_size": "early_size of each stream",
}
KINDS = "kind: no longer a key, leave it out: streams and heads say what a model is"
WERE_WORDS = ("loss.categories", "loss.vad")
"""Tables that were one word."""


def renamed_line(content: Mapping[str, Any]) -> str | None:
    """The line that answers the first earlier key, None where there is none.

    >>> renamed_line({"data": {"folds": 8}})
    'data.folds: now folds.count'
    """
    if "kind" in content:
        return KINDS
    for key, value in _keys(content):
        if key in WERE_WORDS and isinstance(value, str):
            return f"{key}: now {key}.kind"
        if key.startswith("streams.") and key.endswith(".encoder"):
            return f"{shown_key(key)}: now {shown_key(key.removesuffix('.encoder'))}.bundle, a name"
        if key in RENAMED:
            return f"{key}: now {RENAMED[key]}"
    return None


def _keys(content: Mapping[str, Any], stem: str = "") -> Iterator[tuple[str, Any]]:
    """Keys of tables in tables, the inner ones first."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _keys(value, f"{stem}{key}.")
        yield f"{stem}{key}", value
