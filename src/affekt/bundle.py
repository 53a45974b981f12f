"""A trained model on disk: weights, preprocessing, labels, calibration, provenance and card.

A bundle is a folder with ``model.onnx``, ``bundle.json`` and ``CARD.md``, and where it can be
trained on ``model.safetensors``; never a pickle. Labels travel by name, every file with its
SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from affekt.errors import BundleError, nearest

FORMAT_VERSION = 1
EMBEDDED = Path(__file__).parent / "weights"
INFO_FILE, MODEL_FILE, CARD_FILE = "bundle.json", "model.onnx", "CARD.md"


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


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose description was read and whose files were checked."""

    folder: Path
    info: BundleInfo

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL_FILE


def read_bundle(folder: str | Path) -> Bundle:
    """Reads a bundle and checks its version and every file's checksum.

    Raises:
        BundleError: no bundle there, an unknown version, a missing or changed file.
    """
    folder = Path(folder)
    info = _parse(folder, _load_json(folder))
    for name, expected in info.files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{folder}: the bundle's file {name} is missing")
        if file_sha256(path) != expected:
            raise BundleError(f"{path}: checksum differs from {INFO_FILE}; fetch or export it anew")
    if MODEL_FILE not in info.files and not info.members:
        raise BundleError(f"{folder}: {INFO_FILE} lists no {MODEL_FILE}")
    return Bundle(folder, info)


def write_bundle(folder: str | Path, info: BundleInfo, files: Mapping[str, bytes]) -> Bundle:
    """Writes a bundle: its files, their checksums and the description, which comes last.

    Args:
        folder: made if it is missing.
        info: its ``files`` are filled in here.
        files: content by name, ``model.onnx`` (but not of an ensemble) and ``CARD.md`` at least.
    """
    folder = Path(folder)
    for needed in (MODEL_FILE, CARD_FILE):
        if needed not in files and not (needed == MODEL_FILE and info.members):
            raise BundleError(f"a bundle needs {needed}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, content)
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    info = replace(info, files=checksums)
    write_atomically(folder / INFO_FILE, describe(info))
    return Bundle(folder, info)


def describe(info: BundleInfo) -> bytes:
    """What ``bundle.json`` holds."""
    return (json.dumps(asdict(info), indent=2, ensure_ascii=False) + "\n").encode()


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a kill at any moment leaves the old one or the new one, whole."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def find_bundle(name_or_folder: str | Path) -> Bundle:
    """The bundle of that folder, or of that name among the user's and the embedded ones.

    Raises:
        BundleError: no such folder or name, or the bundle cannot be used.
    """
    if Path(name_or_folder).is_dir():
        return read_bundle(name_or_folder)
    known = bundle_folders()
    if str(name_or_folder) not in known:
        hint = nearest(str(name_or_folder), known)
        raise BundleError(
            f"no model {str(name_or_folder)!r}: give a bundle's folder or a name; {hint}"
        )
    return read_bundle(known[str(name_or_folder)])


def bundle_folders() -> dict[str, Path]:
    """Folders of the embedded and the user's bundles by name; the user's own win."""
    found: dict[str, Path] = {}
    for root in (EMBEDDED, user_models()):
        if root.is_dir():
            found |= {p.name: p for p in sorted(root.iterdir()) if (p / INFO_FILE).is_file()}
    return found


def user_models() -> Path:
    """Where the user's bundles lie: ``$AFFEKT_MODELS``, else ``~/.local/share/affekt/models``."""
    default = Path.home() / ".local" / "share" / "affekt" / "models"
    return Path(os.environ.get("AFFEKT_MODELS") or default)


def parse_stream(spec: Mapping[str, Any]) -> StreamSpec:
    """A stream from what JSON made of it."""
    return StreamSpec(**{**spec, "mean": tuple(spec["mean"]), "std": tuple(spec["std"])})


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _load_json(folder: Path) -> dict[str, Any]:
    path = folder / INFO_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder}: not a bundle, it holds no {INFO_FILE}") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise BundleError(f"{path}: must hold one JSON object")
    return content


def _parse(folder: Path, content: dict[str, Any]) -> BundleInfo:
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
