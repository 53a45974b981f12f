"""A whole recipe, and what its tables must be to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from affekt.bundle import CROPS
from affekt.bundle.inputs import CropKind
from affekt.errors import ConfigError, nearest
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.training.recipe.experiment import FoldsTable, LabelsOnlyTable
from affekt.training.recipe.losses import HeadLoss
from affekt.training.recipe.messages import first_line
from affekt.training.recipe.model import FusionTable, HeadTable, NumbersTable, StreamTable
from affekt.training.recipe.reading import read_content
from affekt.training.recipe.renamed import renamed_line
from affekt.training.recipe.run import (
    AugmentTable,
    DataTable,
    FeaturesTable,
    OptimTable,
    RunTable,
)
from affekt.training.recipe.tables import with_open_tables
from affekt.training.recipe.values import TABLE

OF_ENCODER = ("weights", "early_size", "train", "drop_path")
"""Keys of a stream that its encoder heeds."""


@dataclass(frozen=True, slots=True, config=TABLE)
class Recipe:
    """What to train, on what, and how.

    Streams are by name tables of `affekt.training.recipe.model.STREAMS`, heads and their losses
    those of `affekt.heads.KINDS_OF_HEADS`. Pictures are augmented only where it has a table
    ``augment``; ``folds`` and ``labels_only`` are hooks, which take part where they have a table.
    """

    run: RunTable
    data: DataTable
    heads: dict[str, HeadTable]
    streams: dict[str, Any] = field(default_factory=dict)
    fusion: FusionTable = field(default_factory=FusionTable)
    loss: dict[str, HeadLoss] = field(default_factory=dict)
    optim: OptimTable = field(default_factory=OptimTable)
    augment: AugmentTable | None = None
    features: FeaturesTable = field(default_factory=FeaturesTable)
    folds: FoldsTable | None = None
    labels_only: LabelsOnlyTable | None = None

    def __post_init__(self) -> None:
        """Checks what tables must be to each other."""
        require(bool(self.heads), "heads", "at least one head")
        require(bool(self.crops or self.numbers), "streams", "at least one stream")
        for name, stream in self.crops.items():
            _check_stream(name, stream, self.crops)
        self._check_fusion()
        self._check_losses()
        self._check_early()
        self._check_features()
        self._check_hooks()

    @property
    def crops(self) -> dict[str, StreamTable]:
        """The streams of crops, by what they show."""
        return {n: own for n, own in self.streams.items() if isinstance(own, StreamTable)}

    @property
    def numbers(self) -> tuple[str, ...]:
        """The streams of numbers that take part."""
        tables = self.streams.items()
        return tuple(n for n, own in tables if isinstance(own, NumbersTable) and own.use)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """The labels of each head."""
        return {name: head.labels for name, head in self.heads.items()}

    @property
    def trained(self) -> list[str]:
        """The streams whose encoder is trained."""
        return [name for name, stream in self.crops.items() if stream.train != "none"]

    @property
    def crossed(self) -> FoldsTable | None:
        """The folds, where there are some."""
        return self.folds if self.folds is not None and self.folds.count else None

    def _check_fusion(self) -> None:
        fusion = self.fusion
        hidden = fusion.kind != "gated" or fusion.hidden > 0
        require(hidden, "fusion.hidden", "1 or more for a gated fusion")
        alone = fusion.kind != "none" or (len(self.crops) == 1 and not self.numbers)
        require(alone, "fusion.kind", "mlp or gated, for none is of one stream of crops alone")

    def _check_losses(self) -> None:
        for name in self.loss:
            require(name in self.heads, f"loss.{name}", f"no such table, or one heads.{name}")

    def _check_early(self) -> None:
        small = any(stream.early_size is not None for stream in self.crops.values())
        accepted = "0, or an early_size in a table of a stream"
        require(small or self.optim.early_epochs == 0, "optim.early_epochs", accepted)

    def _check_features(self) -> None:
        cached, views = self.features.cache, self.features.views
        require(
            not (cached and self.trained), "features.cache", "false where an encoder is trained"
        )
        early = cached and self.optim.early_epochs > 0
        require(not early, "optim.early_epochs", "0 where features.cache is true")
        require(views == 1 or cached, "features.views", "1, or features.cache = true")
        need = "2 or more with a table augment and features.cache, 1 without that table"
        require(not cached or (views > 1) == (self.augment is not None), "features.views", need)

    def _check_hooks(self) -> None:
        folds, labels_only = self.crossed, self.labels_only
        if folds is not None:
            require(self.features.cache, "folds", "features.cache = true beside it")
            require(self.run.devices == 1, "run.devices", "1 where there is a table folds")
            _check_people(self, "folds")
            _check_annotators(folds)
        if labels_only is not None:
            _check_people(self, "labels_only")
            known = labels_only.box_prior == 0 or folds is not None
            require(known, "labels_only.box_prior", "0, or a table folds")


def read_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe; each override is ``table.key=value`` with a TOML value.

    Raises:
        ConfigError: no such file, not TOML, an unknown key, a wrong type, a value out of range.
    """
    return parse_recipe(read_content(path, overrides))


def parse_recipe(content: Mapping[str, Any]) -> Recipe:
    """A recipe from nested dictionaries; errors as in `read_recipe`."""
    earlier = renamed_line(content)
    if earlier is not None:
        raise ConfigError(earlier)
    try:
        return _ADAPTER.validate_python(with_open_tables(content))
    except ValidationError as error:
        raise ConfigError(first_line(error, Recipe)) from None


def require(holds: bool, where: str, accepted: str) -> None:
    """Raises a `ConfigError` that names the key and what it may be, unless that holds."""
    if not holds:
        raise ConfigError(f"{where}: expected {accepted}")


_ADAPTER = TypeAdapter(Recipe)


def _check_stream(name: str, stream: StreamTable, streams: Mapping[str, StreamTable]) -> None:
    where = f"streams.{name}"
    given = [key for key in ("backbone", "share", "bundle") if getattr(stream, key) is not None]
    require(len(given) == 1, where, "one of backbone, share and bundle")
    _check_crop(where, stream, CROPS[name])
    if stream.share is not None:
        own = [n for n, s in streams.items() if s.backbone is not None and n != name]
        if stream.share not in own:
            hint = nearest(stream.share, own)
            raise ConfigError(f"{where}.share: unknown {stream.share!r}; {hint}")
        _check_owner(where, stream, OF_ENCODER, "the owner of the encoder says it")
    elif stream.bundle is not None:
        _check_owner(where, stream, ("size", *OF_ENCODER), "the bundle says it, and is frozen")


def _check_owner(where: str, stream: StreamTable, keys: Sequence[str], whose: str) -> None:
    """Refuses what an encoder from elsewhere would not heed."""
    plain = StreamTable()
    for key in keys:
        same = getattr(stream, key) == getattr(plain, key)
        require(same, f"{where}.{key}", f"no such key: {whose}")


def _check_crop(where: str, stream: StreamTable, kind: CropKind) -> None:
    if len(kind.rules) == 1:
        require(stream.crop is None, f"{where}.crop", "no such key: there is one rule")
    elif stream.crop is not None and stream.crop not in kind.rules:
        hint = nearest(stream.crop, kind.rules)
        raise ConfigError(f"{where}.crop: unknown {stream.crop!r}; {hint}")
    require(not (kind.needs_face and stream.blank_person), f"{where}.blank_person", "false")


def _check_people(recipe: Recipe, hook: str) -> None:
    people = [*recipe.heads] == [CATEGORIES_HEAD, VAD_HEAD]
    require(people, hook, "heads.categories and heads.vad, and no other")


def _check_annotators(folds: FoldsTable) -> None:
    named = folds.annotators
    if named is None:
        return
    where = "folds.annotators"
    require(named.train != named.val, f"{where}.val", "another number than in train")
    require(folds.calibrate_on == ("val",), where, 'no such table, or calibrate_on = ["val"]')
