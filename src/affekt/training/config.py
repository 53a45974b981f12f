"""A training recipe: typed fields with units, read from TOML and checked when built."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from affekt.data.augment import AugmentConfig
from affekt.errors import ConfigError, nearest
from affekt.labels import PRIMARY_AND_CONTEMPT


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


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """How to learn: AdamW, cosine schedule with a linear warm-up, averaged weights.

    Attributes:
        epochs: passes over the training split.
        batch: faces per step, over all devices.
        lr: peak learning rate.
        weight_decay: of the matrices; biases and norms have none.
        warmup_epochs: may be a fraction.
        early_epochs: the first epochs that train on smaller crops, to save time.
        early_size: side of those crops in pixels.
        ema: decay of the averaged weights, per step.
        clip: largest gradient norm.
        patience: epochs without a better score before stopping; 0 never stops early.
    """

    epochs: int = 12
    batch: int = 128
    lr: float = 1e-3
    weight_decay: float = 0.02
    warmup_epochs: float = 0.5
    early_epochs: int = 0
    early_size: int = 64
    ema: float = 0.999
    clip: float = 5.0
    patience: int = 0


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Where and how to run.

    Attributes:
        out: folder for checkpoints, metrics and curves.
        seed: of everything random.
        accelerator: ``auto``, ``cpu``, ``cuda``, ``mps``, as Lightning Fabric takes it.
        devices: how many of them; on a CPU, how many processes.
        precision: ``32-true``, ``bf16-mixed`` or another of Lightning Fabric's.
        threads: of each process on a CPU; 0 leaves it to torch.
    """

    out: str
    seed: int = 0
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "32-true"
    threads: int = 0


_SHARES = ("flip", "grey", "blur", "downscale", "jpeg", "occlude", "background", "surround", "mask")
_SPREADS = ("scale", "shift", "brightness", "contrast", "colour")
_RANGES: dict[str, tuple[Callable[[float], bool], tuple[str, ...]]] = {
    "1 or more": (lambda v: v >= 1, ("optim.epochs", "optim.batch", "run.devices")),
    "32 or more": (lambda v: v >= 32, ("model.size", "optim.early_size")),
    "more than 0": (lambda v: v > 0, ("optim.lr", "optim.clip")),
    "0 or more": (
        lambda v: v >= 0,
        (
            *("data.workers", "run.seed", "run.threads", "loss.logit_adjustment"),
            *("optim.weight_decay", "optim.warmup_epochs", "optim.early_epochs", "optim.patience"),
            *("augment.degrees", "augment.blur_sigma"),
        ),
    ),
    "from 0 to below 1": (
        lambda v: 0 <= v < 1,
        (
            *("model.drop_rate", "model.drop_path", "optim.ema"),
            *(f"augment.{name}" for name in _SPREADS),
        ),
    ),
    "a share from 0 to 1": (
        lambda v: 0 <= v <= 1,
        ("loss.label_smoothing", *(f"augment.{name}" for name in _SHARES)),
    ),
    "from 0.1 to 1": (lambda v: 0.1 <= v <= 1, ("augment.occlude_max",)),
    "from 1 to 56": (lambda v: 1 <= v <= 56, ("augment.downscale_min",)),
}
"""What each number may be, NaN never: how to say it, its test, and the keys it holds for."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A whole recipe."""

    run: RunConfig
    data: DataConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        """Checks values that types alone cannot."""
        _require(len(self.data.manifests) > 0, "data.manifests", "at least one manifest")
        unknown = [name for name in self.data.labels if name not in PRIMARY_AND_CONTEMPT]
        _require(not unknown, "data.labels", f"only {', '.join(PRIMARY_AND_CONTEMPT)}")
        _require(len(set(self.data.labels)) > 1, "data.labels", "at least two labels")
        for accepted, (holds, keys) in _RANGES.items():
            for key in keys:
                table, name = key.split(".")
                _require(holds(getattr(getattr(self, table), name)), key, accepted)

    def size_at(self, epoch: int) -> int:
        """Side of the training crops in that epoch, in pixels."""
        return self.optim.early_size if epoch < self.optim.early_epochs else self.model.size


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Reads a recipe; each override is ``table.key=value`` with a TOML value.

    Raises:
        ConfigError: no such file, not TOML, an unknown key, a wrong type, a value out of range.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    for override in overrides:
        _apply(content, override)
    return parse_config(content)


def parse_config(content: Mapping[str, Any]) -> TrainConfig:
    """A recipe from nested dictionaries; errors as in `load_config`."""
    config: TrainConfig = _build(TrainConfig, content, "")
    return config


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    table, dot, name = key.strip().partition(".")
    if not (equals and dot and name):
        raise ConfigError(f"--set {override}: expected table.key=value, such as optim.epochs=3")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    if isinstance(content.setdefault(table, {}), dict):  # else refused with the rest
        content[table][name] = parsed


def _build(kind: Any, content: Any, where: str) -> Any:
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where.rstrip('.')}: expected a table, got {content!r}")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    for key in content:
        if key not in fields:
            raise ConfigError(f"unknown key {where}{key}: {nearest(key, fields)}")
    types_of = get_type_hints(kind)
    missing = [
        f.name
        for f in fields.values()
        if f.default is f.default_factory is dataclasses.MISSING and f.name not in content
    ]
    if missing:
        raise ConfigError(f"missing key {where}{missing[0]}")
    return kind(**{k: _value(types_of[k], v, f"{where}{k}") for k, v in content.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, f"{where}.")
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: expected a list, got {value!r}")
        return tuple(_value(get_args(kind)[0], item, where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f"{where}: expected {kind.__name__}, got {value!r}")
    return value


def _require(holds: bool, where: str, accepted: str) -> None:
    if not holds:
        raise ConfigError(f"{where}: expected {accepted}")
