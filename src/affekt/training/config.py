"""The recipe of a face model: typed fields with units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affekt.data.augment.config import FaceAugmentConfig
from affekt.errors import ConfigError, nearest
from affekt.labels import PRIMARY_AND_CONTEMPT
from affekt.training.recipe import (
    AUGMENT_RANGES,
    OptimConfig,
    Ranges,
    RunConfig,
    build_recipe,
    check_ranges,
    read_recipe,
    require,
)


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What to learn from.

    Attributes:
        manifests: files or folders written by ``affekt prepare``.
        labels: what to tell apart; faces of other labels are left out.
        workers: processes that prepare batches; 0 prepares them in the training process.
    """

    manifests: tuple[str, ...]
    labels: tuple[str, ...] = PRIMARY_AND_CONTEMPT
    workers: int = 1


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What to train.

    Attributes:
        backbone: any network of timm by name.
        weights: ``auto``, ``timm``, ``random`` or the path of a safetensors file.
        size: side of the input in pixels.
        drop_rate: dropout before the classifier.
        drop_path: stochastic depth.
    """

    backbone: str = "efficientnet_lite0"
    weights: str = "auto"
    size: int = 96
    drop_rate: float = 0.2
    drop_path: float = 0.1


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Cross entropy against the soft labels.

    Attributes:
        logit_adjustment: strength of the correction for each source's label prior; 0 is none,
            1 trains for balanced accuracy (Menon et al. 2021, arXiv 2007.07314, eq. 10).
        label_smoothing: share of each target that is spread evenly.
    """

    logit_adjustment: float = 1.0
    label_smoothing: float = 0.05


_RANGES: Ranges = {
    "32 or more": (lambda v: v >= 32, ("model.size",)),
    "0 or more": (lambda v: v >= 0, ("loss.logit_adjustment",)),
    "from 0 to below 1": (lambda v: 0 <= v < 1, ("model.drop_rate", "model.drop_path")),
    "a share from 0 to 1": (lambda v: 0 <= v <= 1, ("loss.label_smoothing",)),
}
"""What each number may be, NaN never."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A whole recipe."""

    run: RunConfig
    data: DataConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    augment: FaceAugmentConfig = field(default_factory=FaceAugmentConfig)

    def __post_init__(self) -> None:
        """Checks values that types alone cannot."""
        require(len(self.data.manifests) > 0, "data.manifests", "at least one manifest")
        labels = self.data.labels
        for name in labels:
            if name not in PRIMARY_AND_CONTEMPT:
                raise ConfigError(
                    f"data.labels: unknown label {name!r}: {nearest(name, PRIMARY_AND_CONTEMPT)}"
                )
        require(len(labels) > 1, "data.labels", "at least two labels")
        require(len(set(labels)) == len(labels), "data.labels", "each label once")
        check_ranges(self, _RANGES)
        check_ranges(self, AUGMENT_RANGES)

    def size_at(self, epoch: int) -> int:
        """Side of the training crops in that epoch, in pixels."""
        return self.optim.early_size if epoch < self.optim.early_epochs else self.model.size


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Reads a recipe; each override is ``table.key=value`` with a TOML value.

    Raises:
        ConfigError: no such file, not TOML, an unknown key, a wrong type, a value out of range.
    """
    return parse_config(read_recipe(path, overrides))


def parse_config(content: Mapping[str, Any]) -> TrainConfig:
    """A recipe from nested dictionaries; errors as in `load_config`."""
    return build_recipe(TrainConfig, content, "face")
