"""What a bundle says of itself, typed: its inputs, outputs, provenance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from affekt.bundle.inputs import CROPS, INPUT_KINDS, InputSpec, StreamSpec
from affekt.bundle.outputs import OUTPUT_KINDS, MultiLabel, OutputSpec, fitted_misfits
from affekt.errors import BundleError
from affekt.typed import ByKey, MisfitError, Name, Rule, Text, build, shown, within

FORMAT_VERSION = 2
INFO_FILE, MODEL_FILE = "bundle.json", "model.onnx"
FROM_BUNDLE = "bundle:"
"""Before the name of another bundle whose features are taken, where an encoder is named."""


def is_inside(name: str) -> bool:
    """Whether a file's name stays in the bundle on every system, and is written in one way only.

    >>> is_inside("members/a/model.onnx"), is_inside("../a"), is_inside("/a"), is_inside("a//b")
    (True, False, False, False)
    """
    parts = name.split("/")
    plain = name.isprintable() and not set(name) & set('\\:*?"<>|')
    return plain and not {"", ".", ".."} & {*parts} and len(name) <= 500


FileName = Annotated[str, Rule("the name of a file in the bundle, as a/b.onnx", is_inside)]
Folder = Annotated[FileName, Rule("a name without /", lambda name: "/" not in name)]
Checksum = Annotated[
    str, Rule("a SHA-256 of 64 hexadecimal digits", re.compile("[0-9a-f]{64}").fullmatch)
]


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """What ``bundle.json`` says.

    Attributes:
        name: what ``--model`` takes.
        inputs: what ``model.onnx`` takes, by its names there; of an ensemble, none.
        outputs: what the model says, by head.
        licence: of the weights.
        borrowed: heads that another bundle says of the same people: its name, by that of the head.
        needs: other bundles by name, with the SHA-256 of the ``model.onnx`` it was trained with.
        members: of an ensemble, which says the weighted mean of its members: the folder of each
            member's files in the bundle, and its weight.
        training: data, recipe, seed, initial weights.
        metrics: measured figures with their intervals.
        files: SHA-256 of every other file of the bundle.
        version: of the bundle format.
    """

    name: Name
    inputs: dict[Name, Annotated[InputSpec, ByKey("kind", INPUT_KINDS)]]
    outputs: dict[Name, Annotated[OutputSpec, ByKey("kind", OUTPUT_KINDS)]]
    licence: Text
    borrowed: dict[Name, Folder] = field(default_factory=dict)
    needs: dict[Folder, Checksum] = field(default_factory=dict)
    members: dict[FileName, Annotated[float, within(0, 1e6)]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[Text, dict[str, Any]] = field(default_factory=dict)
    files: dict[FileName, Checksum] = field(default_factory=dict)
    version: int = FORMAT_VERSION

    @property
    def streams(self) -> dict[str, StreamSpec]:
        """The inputs that are crops."""
        return {n: spec for n, spec in self.inputs.items() if isinstance(spec, StreamSpec)}

    @property
    def heads(self) -> tuple[str, ...]:
        """All that it says: its own heads, then those that it borrows."""
        return (*self.outputs, *self.borrowed)


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
                + (": export it again, or convert it by tools/convert_bundle.py" * (version == 1))
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
    if not info.outputs:
        yield "outputs: expected one at least"
    for name, head in info.outputs.items():
        if isinstance(head, MultiLabel):
            yield from (f"outputs.{name}.{misfit}" for misfit in fitted_misfits(head))
        if name in info.borrowed:
            yield f"borrowed.{name}: {info.borrowed[name]!r} cannot say it, the outputs have it"
    if bool(info.members) == bool(info.inputs):
        yield "inputs: expected one at least of a model, and none of an ensemble with its members"
    if info.members and not sum(info.members.values()) > 0:
        yield "members: expected weights that do not add up to 0"
    if INFO_FILE in info.files:
        yield f"files: {INFO_FILE} cannot hold its own checksum"
    for name, spec in info.streams.items():
        yield from (f"inputs.{name}.{misfit}" for misfit in _stream_misfits(spec, info))


def _stream_misfits(spec: StreamSpec, info: BundleInfo) -> Iterator[str]:
    rules = CROPS[spec.kind].rules
    if spec.crop not in rules:
        yield f"crop: expected {' or '.join(rules)} for a {spec.kind}, got {spec.crop!r}"
    if spec.blank_person and spec.needs_face:
        yield "blank_person: expected false, a face is not blanked"
    if spec.encoder is None and len(info.inputs) > 1:
        yield "encoder: expected one, for there are several inputs"
    needed = (spec.encoder or "").removeprefix(FROM_BUNDLE)
    if needed != (spec.encoder or "") and needed not in info.needs:
        yield f"encoder: needs does not say which bundle {needed!r} it is, by its checksum"
