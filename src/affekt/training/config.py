"""A training recipe: typed fields with units, read from TOML and checked when built."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
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
        _require(self.data.workers >= 0, "data.workers", "0 or more")
        _require(self.run.devices >= 1, "run.devices", "1 or more")
        for name in ("epochs", "batch"):
            _require(getattr(self.optim, name) >= 1, f"optim.{name}", "1 or more")
        _require(self.optim.lr > 0, "optim.lr", "more than 0")
        _require(0 <= self.optim.ema < 1, "optim.ema", "from 0 to below 1")
        _require(min(self.model.size, self.optim.early_size) >= 32, "model.size", "32 or more")
        for name in ("flip", "grey", "blur", "downscale", "jpeg", "occlude", "background", "mask"):
            share = getattr(self.augment, name)
            _require(0 <= share <= 1, f"augment.{name}", "a share from 0 to 1")

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
    content.setdefault(table, {})[name] = parsed


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
