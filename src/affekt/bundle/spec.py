"""What a bundle says of itself, typed: its streams, labels, calibration, provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from affekt.errors import BundleError

FORMAT_VERSION = 1
INFO_FILE = "bundle.json"


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """How one input of the model is made.

    Attributes:
        size: side of the square input in pixels.
        mean: per channel, on the 0 to 1 scale.
        std: per channel, on the 0 to 1 scale.
        colour: order of the channels.
        crop: the name of the crop rule; ``face-square`` is `affekt.geometry.face_crop_matrix`,
            the others are `affekt.geometry.CROP_RULES`.
        encoder: in a ``context`` bundle, what turns the crop into features: the name of one of
            the bundle's ONNX files (streams may share one), or ``bundle:NAME`` for the features
            of a face bundle, see `BundleInfo.needs`. None where the model takes the crop itself.
        blank_person: whether the person's box is blanked in it, for a scene without the person.
        flip: whether the crop is mirrored left to right, for test-time augmentation.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    colour: str = "RGB"
    crop: str = "face-square"
    encoder: str | None = None
    blank_person: bool = False
    flip: bool = False


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """What ``bundle.json`` says.

    Attributes:
        name: what ``--model`` takes.
        kind: ``face`` (primary emotions of a face crop), ``context`` (EMOTIC's categories and
            VAD of a person), or ``ensemble`` (the weighted mean of context models).
        labels: the meaning of the model's outputs, in order.
        streams: the model's inputs by name.
        temperature: logits are divided by it before the softmax; fitted on validation data.
        licence: of the weights.
        thresholds: per label, where the model gives label sets.
        calibration: per label, scale and shift of its logit before the sigmoid (Platt 1999);
            fitted on validation data.
        needs: other bundles by name, with the SHA-256 of the ``model.onnx`` it was trained with.
        members: of an ensemble: the folder of each member's files in the bundle, and its weight.
        training: data, recipe, seed, initial weights.
        metrics: measured figures with their intervals.
        files: SHA-256 of every other file of the bundle.
        version: of the bundle format.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    streams: dict[str, StreamSpec]
    temperature: float
    licence: str
    thresholds: dict[str, float] = field(default_factory=dict)
    calibration: dict[str, tuple[float, float]] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    members: dict[str, float] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    version: int = FORMAT_VERSION


def parse_info(content: dict[str, Any], folder: Path) -> BundleInfo:
    """What the JSON of a ``bundle.json`` in that folder says.

    Raises:
        BundleError: an unknown version, or a field that is missing or wrong.
    """
    version = content.get("version")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{folder}: bundle version {version!r}; this Affekt reads version {FORMAT_VERSION}"
        )
    try:
        streams = {name: parse_stream(spec) for name, spec in content["streams"].items()}
        calibration = {k: tuple(v) for k, v in content.get("calibration", {}).items()}
        tuples = {"labels": tuple(content["labels"]), "calibration": calibration}
        return BundleInfo(**{**content, **tuples, "streams": streams})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / INFO_FILE}: a field is missing or wrong ({error})") from None


def parse_stream(spec: Mapping[str, Any]) -> StreamSpec:
    """A stream from what JSON made of it."""
    return StreamSpec(**{**spec, "mean": tuple(spec["mean"]), "std": tuple(spec["std"])})


def describe(info: BundleInfo) -> bytes:
    """What ``bundle.json`` holds."""
    return (json.dumps(asdict(info), indent=2, ensure_ascii=False) + "\n").encode()
