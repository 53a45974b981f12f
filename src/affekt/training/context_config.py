"""The recipe of a context model: typed fields with units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from affekt.bundle import FACE_RULE
from affekt.data.augment.config import AugmentConfig
from affekt.errors import ConfigError, nearest
from affekt.geometry import CROP_RULES
from affekt.training.recipe import (
    AUGMENT_RANGES,
    OptimConfig,
    Ranges,
    RunConfig,
    build_recipe,
    check_choice,
    check_ranges,
    read_recipe,
    require,
)

FACE_BUNDLE = "bundle:face"
"""The face stream's encoder where the recipe names none: the shipped face bundle's, frozen."""

DEFAULT_SIZE = 224


@dataclass(frozen=True, slots=True)
class PeopleConfig:
    """What to learn from.

    Attributes:
        manifests: files or folders written by ``affekt prepare emotic``.
        labels_only: likewise, for people without pictures: their training splits teach the head
            what follows from geometry and from labels alone. People whose picture is in
            ``manifests`` are left out.
        labels_only_ratio: how many of them go with each person of a batch.
        folds: 0 trains on the training splits and chooses the epoch on the validation splits.
            K of 2 or more trains K heads on both, each without its own K-th of the pictures; their
            mean is the model, and what each says of its own K-th calibrates and measures it.
        refit: with folds, the heads that are then trained on everybody, from different seeds: their
            mean is the model in place of the folds', which only calibrate and measure it.
        calibrate_on: with folds, the splits whose people calibrate and set thresholds. In EMOTIC
            a training person has one annotator's labels, a validation person those of five.
        annotators: whose labels a person's are the union of, in train, in val and where the
            model will be used: EMOTIC's are 1, 5 and 3. With folds calibrated on val, the
            probabilities are those of the third number; none changes nothing.
        workers: processes that prepare batches; 0 prepares them in the training process.
    """

    manifests: tuple[str, ...]
    labels_only: tuple[str, ...] = ()
    labels_only_ratio: float = 1.0
    folds: int = 0
    refit: int = 0
    calibrate_on: tuple[str, ...] = ("val",)
    annotators: tuple[int, ...] = ()
    workers: int = 1


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """One image stream: its encoder is its own ``backbone``, shared, or a face bundle's.

    Attributes:
        backbone: any network of timm by name.
        share: the stream whose encoder it shares.
        encoder: ``bundle:NAME`` for a face bundle's, in the face stream alone.
        weights: ``auto``, ``timm``, ``random`` or the path of a safetensors file.
        size: side of its crops in pixels; 224, the bundle's own, or that of the stream it shares.
        crop: how a box becomes a square, ``square`` or ``stretch``; not for the face.
        train: the part of the backbone that is trained: ``none``, ``last:N`` or ``all``.
        blank_person: hides the person's box, for a scene without the person.
    """

    backbone: str | None = None
    share: str | None = None
    encoder: str | None = None
    weights: str = "auto"
    size: int | None = None
    crop: str | None = None
    train: str = "none"
    blank_person: bool = False


@dataclass(frozen=True, slots=True)
class StreamsConfig:
    """The image streams; one that has no table does not take part."""

    face: StreamConfig | None = None
    body: StreamConfig | None = None
    scene: StreamConfig | None = None

    def items(self) -> list[tuple[str, StreamConfig]]:
        """The streams that take part, by name."""
        found = [(f.name, getattr(self, f.name)) for f in fields(self)]
        return [(name, stream) for name, stream in found if stream is not None]


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """What ``data.labels_only`` teaches beside geometry; see `affekt.training.label_teacher`.

    Attributes:
        weight: the teacher's share of the target of each category, 0 to 1; the rest is the
            person's own labels.
        use_labels: whether the teacher looks at the other 25 categories beside VAD.
    """

    weight: float = 0.0
    use_labels: bool = False


@dataclass(frozen=True, slots=True)
class GeometryConfig:
    """The stream without pixels.

    Attributes:
        use: whether the person's box and the number of people take part.
        prior: with folds, how much of what ``data.labels_only`` say of the box's place and shape
            alone is added to the logits of the trained heads; see `affekt.training.box_prior`.
    """

    use: bool = True
    prior: float = 0.0


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """How the streams become one vector; see `affekt.models.fusion.FusionSpec`."""

    kind: str = "mlp"
    hidden: int = 256
    dropout: float = 0.3
    stream_dropout: float = 0.1


CATEGORY_LOSSES = ("weighted_squared", "raw_weighted_squared", "bce", "focal", "asymmetric")
VAD_LOSSES = ("margin", "smooth_l1", "l1", "ccc")


@dataclass(frozen=True, slots=True)
class ContextLossConfig:
    """``category_weight`` x categories + ``vad_weight`` x VAD; see `context_losses`.

    Attributes:
        categories: one of `CATEGORY_LOSSES`; ``weighted_squared`` is of probabilities,
            ``raw_weighted_squared`` of the bare outputs, as published.
        class_weights: ``none``, or Kosti's, of ``probabilities`` or of ``counts``.
        weights_over: ``batch``, or ``train`` for fixed weights of the training split.
        gamma: focal: how much easy persons count less.
        alpha: focal: weight of positives.
        gamma_positive: asymmetric: as gamma, of positives.
        gamma_negative: asymmetric: as gamma, of negatives.
        clip: asymmetric: probability under which a negative does not count.
        vad: one of `VAD_LOSSES`.
        margin: of margin, smooth_l1 and l1, on the 1 to 10 scale.
        category_weight: of the categories' part.
        vad_weight: of VAD's part.
    """

    categories: str = "bce"
    class_weights: str = "none"
    weights_over: str = "train"
    gamma: float = 2.0
    alpha: float = 0.25
    gamma_positive: float = 1.0
    gamma_negative: float = 4.0
    clip: float = 0.05
    vad: str = "smooth_l1"
    margin: float = 1.0
    category_weight: float = 1.0
    vad_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class FeaturesConfig:
    """Features computed once, where every encoder is frozen.

    Attributes:
        cache: whether to.
        views: how often to see each picture: once plain, and ``views`` - 1 times augmented.
        folder: of the stores; several recipes may share it.
        dtype: ``float32``, or ``float16`` for half the space.
    """

    cache: bool = False
    views: int = 1
    folder: str = "runs/features"
    dtype: str = "float32"


_CHOICES = {
    "loss.categories": CATEGORY_LOSSES,
    "loss.class_weights": ("none", "probabilities", "counts"),
    "loss.weights_over": ("batch", "train"),
    "loss.vad": VAD_LOSSES,
    "fusion.kind": ("mlp", "gated"),
    "features.dtype": ("float32", "float16"),
}
_RANGES: Ranges = {
    "1 or more": (
        lambda v: v >= 1,
        ("features.views",),
    ),
    "more than 0": (lambda v: v > 0, ("loss.margin",)),
    "0 or more": (
        lambda v: v >= 0,
        (
            *("data.refit", "data.labels_only_ratio", "fusion.hidden"),
            *("loss.gamma", "loss.gamma_positive", "loss.gamma_negative"),
            *("loss.category_weight", "loss.vad_weight", "geometry.prior"),
        ),
    ),
    "from 0 to below 1": (
        lambda v: 0 <= v < 1,
        ("loss.clip", "fusion.dropout", "fusion.stream_dropout"),
    ),
    "from 0 to 1": (
        lambda v: 0 <= v <= 1,
        ("loss.alpha", "teacher.weight"),
    ),
    "0, or 2 or more": (lambda v: v == 0 or v >= 2, ("data.folds",)),
}


@dataclass(frozen=True, slots=True)
class ContextConfig:
    """A whole recipe. Pictures are augmented only where it has a table ``augment``."""

    run: RunConfig
    data: PeopleConfig
    streams: StreamsConfig = field(default_factory=StreamsConfig)
    geometry: GeometryConfig = field(default_factory=GeometryConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    loss: ContextLossConfig = field(default_factory=ContextLossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    augment: AugmentConfig | None = None

    def __post_init__(self) -> None:
        """Checks values that types alone cannot."""
        require(len(self.data.manifests) > 0, "data.manifests", "at least one manifest")
        check_ranges(self, _RANGES)
        if self.augment is not None:
            check_ranges(self, AUGMENT_RANGES)
        for key, accepted in _CHOICES.items():
            check_choice(self, key, accepted)
        some = bool(self.streams.items()) or self.geometry.use
        require(some, "streams", "at least one stream, or geometry.use = true")
        require(
            self.fusion.kind != "gated" or self.fusion.hidden > 0,
            "fusion.hidden",
            "1 or more for a gated fusion",
        )
        taught = self.teacher.weight == 0 or len(self.data.labels_only) > 0
        require(taught, "teacher.weight", "0 where data.labels_only names nobody to learn from")
        known = self.geometry.prior == 0 or bool(self.data.folds and self.data.labels_only)
        require(known, "geometry.prior", "0, or data.folds and data.labels_only")
        for split in self.data.calibrate_on:
            _one_of(split, "data.calibrate_on", ("train", "val"))
        require(not self.data.refit or self.data.folds > 0, "data.refit", "0, or folds")
        annotators = self.data.annotators
        sound = not annotators or (len(annotators) == 3 and min(annotators) > 0)
        sound = sound and (not annotators or annotators[0] != annotators[1])
        need = "three numbers of 1 or more, of which the first two differ, or none"
        require(sound, "data.annotators", need)
        alone = not annotators or (self.data.folds > 0 and self.data.calibrate_on == ("val",))
        require(alone, "data.annotators", "none, or folds that are calibrated on val alone")
        require(len(self.data.calibrate_on) > 0, "data.calibrate_on", "train, val or both")
        for name, stream in self.streams.items():
            _check_stream(name, stream, self.streams)
        self._check_features()

    def _check_features(self) -> None:
        cached, views = self.features.cache, self.features.views
        trained = [n for n, s in self.streams.items() if s.train != "none"]
        require(not (cached and trained), "features.cache", "false where an encoder is trained")
        require(views == 1 or cached, "features.views", "1, or features.cache = true")
        need = "2 or more with a table augment and features.cache, 1 without that table"
        require(not cached or (views > 1) == (self.augment is not None), "features.views", need)
        if self.data.folds:
            require(cached, "data.folds", "0, or features.cache = true")
            require(self.run.devices == 1, "run.devices", "1 where data.folds is set")


def load_context_config(path: str | Path, overrides: Sequence[str] = ()) -> ContextConfig:
    """Reads a recipe; each override is ``table.key=value`` with a TOML value.

    Raises:
        ConfigError: no such file, not TOML, an unknown key, a wrong type, a value out of range.
    """
    return parse_context_config(read_recipe(path, overrides))


def parse_context_config(content: Mapping[str, Any]) -> ContextConfig:
    """A recipe from nested dictionaries; errors as in `load_context_config`."""
    return build_recipe(ContextConfig, content, "context")


def _check_stream(name: str, stream: StreamConfig, streams: StreamsConfig) -> None:
    where = f"streams.{name}"
    given = [key for key in ("backbone", "share", "encoder") if getattr(stream, key) is not None]
    if name == "face":
        require(len(given) <= 1, where, "one of backbone, share, encoder")
        require(stream.crop in (None, FACE_RULE), f"{where}.crop", f"{FACE_RULE}, or no such key")
        require(not stream.blank_person, f"{where}.blank_person", "false")
    else:
        require(len(given) == 1 and given != ["encoder"], where, "either backbone or share")
        _one_of(stream.crop or next(iter(CROP_RULES)), f"{where}.crop", tuple(CROP_RULES))
    if stream.size is not None:
        require(stream.size >= 32, f"{where}.size", "32 or more")
    _check_encoder(where, name, stream, dict(streams.items()))


def _check_encoder(
    where: str, name: str, stream: StreamConfig, streams: Mapping[str, StreamConfig]
) -> None:
    frozen = stream.train == "none"
    if stream.share is not None:
        own = [n for n, s in streams.items() if s.backbone is not None and n != name]
        _one_of(stream.share, f"{where}.share", tuple(own))
        require(frozen, f"{where}.train", "no such key: the owner of the encoder says it")
    elif stream.backbone is None:
        encoder = stream.encoder or FACE_BUNDLE
        require(encoder.startswith("bundle:"), f"{where}.encoder", "bundle:NAME")
        require(frozen, f"{where}.train", "none: a bundle's encoder is frozen")
        require(stream.size is None, f"{where}.size", "no such key: the bundle says it")


def _one_of(value: str, where: str, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        raise ConfigError(f"{where}: unknown {value!r}; {nearest(value, accepted)}")
