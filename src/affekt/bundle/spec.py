"""What a bundle says of itself, typed: its streams, labels, calibration, provenance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from affekt.errors import BundleError
from affekt.typed import MisfitError, Name, Rule, Share, Text, build, one_of, shown, within

FORMAT_VERSION = 1
INFO_FILE, MODEL_FILE = "bundle.json", "model.onnx"
KINDS = FACE, CONTEXT, ENSEMBLE = ("face", "context", "ensemble")
SIZES = (8, 2048)
"""Least and greatest side of a crop in pixels."""


def is_inside(name: str) -> bool:
    """Whether a file's name stays in the bundle on every system, and is written in one way only.

    >>> is_inside("members/a/model.onnx"), is_inside("../a"), is_inside("/a"), is_inside("a//b")
    (True, False, False, False)
    """
    parts = name.split("/")
    plain = name.isprintable() and not set(name) & set('\\:*?"<>|')
    return plain and not {"", ".", ".."} & {*parts} and len(name) <= 500


Labels = Annotated[
    tuple[Name, ...],
    Rule("one label at least", bool),
    Rule("labels that differ", lambda labels: len({*labels}) == len(labels)),
]
CropSize = Annotated[int, within(*SIZES)]
Deviation = Annotated[float, within(0.001, 10)]
Coefficient = Annotated[float, within(-1e4, 1e4)]
FileName = Annotated[str, Rule("the name of a file in the bundle, as a/b.onnx", is_inside)]
Folder = Annotated[FileName, Rule("a name without /", lambda name: "/" not in name)]
Checksum = Annotated[
    str, Rule("a SHA-256 of 64 hexadecimal digits", re.compile("[0-9a-f]{64}").fullmatch)
]


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

    size: CropSize
    mean: tuple[Share, Share, Share]
    std: tuple[Deviation, Deviation, Deviation]
    colour: Annotated[str, one_of("RGB")] = "RGB"
    crop: Name = "face-square"
    encoder: Name | None = None
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

    name: Name
    kind: Annotated[str, one_of(*KINDS)]
    labels: Labels
    streams: dict[Name, StreamSpec]
    temperature: Annotated[float, within(0.001, 1000)]
    licence: Text
    thresholds: dict[Name, Share] = field(default_factory=dict)
    calibration: dict[Name, tuple[Coefficient, Coefficient]] = field(default_factory=dict)
    needs: dict[Folder, Checksum] = field(default_factory=dict)
    members: dict[FileName, Annotated[float, within(0, 1e6)]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[Text, dict[str, Any]] = field(default_factory=dict)
    files: dict[FileName, Checksum] = field(default_factory=dict)
    version: int = FORMAT_VERSION


def parse_info(content: Any, folder: Path) -> BundleInfo:
    """What the JSON of a ``bundle.json`` in that folder says.

    Raises:
        BundleError: an unknown version, or a field that is missing or wrong, by its name.
    """
    try:
        version = content.get("version") if isinstance(content, dict) else FORMAT_VERSION
        if version != FORMAT_VERSION or isinstance(version, bool):
            raise MisfitError(
                f"bundle version {shown(version)}; this Affekt reads version {FORMAT_VERSION}"
            )
        info = build(BundleInfo, content)
        for misfit in _misfits(info):
            raise MisfitError(misfit)
    except MisfitError as error:
        raise BundleError(f"{folder / INFO_FILE}: {error}") from None
    return info


def describe(info: BundleInfo) -> bytes:
    """What ``bundle.json`` holds.

    Raises:
        BundleError: what `parse_info` would refuse.
    """
    content = asdict(info)
    try:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except ValueError as error:
        raise BundleError(f"{info.name}: {INFO_FILE} cannot hold this ({error})") from None
    parse_info(content, Path(info.name))
    return text.encode()


def _misfits(info: BundleInfo) -> Iterator[str]:
    """Fields that do not fit each other."""
    for where, known in (("thresholds", info.thresholds), ("calibration", info.calibration)):
        yield from (
            f"{where}: {label!r} is no label" for label in known if label not in info.labels
        )
    if info.kind == FACE:
        yield from _face_misfits(info)
    if bool(info.members) != (info.kind == ENSEMBLE):
        yield f"members: {len(info.members)} of a model of kind {info.kind!r}"
    if info.members and not sum(info.members.values()) > 0:
        yield "members: expected weights that do not add up to 0"
    if INFO_FILE in info.files:
        yield f"files: {INFO_FILE} cannot hold its own checksum"


def _face_misfits(info: BundleInfo) -> Iterator[str]:
    if [*info.streams] != [FACE]:
        yield f"streams: a face model has one, {FACE!r}, got {[*info.streams]}"
    elif info.streams[FACE].blank_person:
        yield f"streams.{FACE}.blank_person: expected false, a face is not blanked"
    if len(info.labels) < 2:
        yield f"labels: expected two at least, got {[*info.labels]}"
