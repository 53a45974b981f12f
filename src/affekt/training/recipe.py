"""Recipes in general: typed fields read from TOML, checked when built, refused by their key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from affekt.errors import ConfigError, nearest, one_line
from affekt.typed import MisfitError, build, parse_toml, shown

Recipe = TypeVar("Recipe")

KINDS = ("face", "context")

Ranges = Mapping[str, tuple[Callable[[Any], bool], tuple[str, ...]]]
"""What values may be: how to say it, its test, and the ``table.key`` it holds for."""


_SHARES = ("flip", "grey", "blur", "downscale", "jpeg", "occlude", "background", "surround", "mask")
_SPREADS = ("scale", "shift", "person_scale", "person_shift", "brightness", "contrast", "colour")

AUGMENT_RANGES: Ranges = {
    "0 or more": (
        lambda v: v >= 0,
        ("augment.degrees", "augment.person_degrees", "augment.blur_sigma"),
    ),
    "from 0 to below 1": (lambda v: 0 <= v < 1, tuple(f"augment.{name}" for name in _SPREADS)),
    "a share from 0 to 1": (lambda v: 0 <= v <= 1, tuple(f"augment.{name}" for name in _SHARES)),
    "from 0.1 to 1": (lambda v: 0.1 <= v <= 1, ("augment.occlude_max",)),
    "from 1 to 56": (lambda v: 1 <= v <= 56, ("augment.downscale_min",)),
}
"""What each number of the table ``augment`` may be, NaN never."""


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
class OptimConfig:
    """How to learn.

    Attributes:
        epochs: passes over the training data.
        batch: people or faces per step, over all devices and accumulated parts.
        accumulate: parts that a step is computed in, to save memory.
        optimizer: ``adamw`` or ``sgd``.
        lr: peak learning rate of the heads.
        encoder_lr: of the encoders, where they are trained.
        weight_decay: of the matrices; biases and norms have none.
        momentum: of ``sgd``.
        schedule: ``cosine`` to zero, or ``step``.
        step_epochs: epochs between steps.
        step_factor: of the learning rate at each step.
        warmup_epochs: may be a fraction.
        early_epochs: the first epochs that train on smaller crops, to save time.
        early_size: side of those crops in pixels.
        ema: decay of the averaged weights, per step; early steps count less.
        clip: largest gradient norm.
        patience: epochs without a better score before stopping; 0 never stops early.
        balance: draws what has rare labels more often: 0 not at all, 1 by inverse frequency.
    """

    epochs: int = 30
    batch: int = 64
    accumulate: int = 1
    optimizer: str = "adamw"
    lr: float = 1e-3
    encoder_lr: float = 1e-4
    weight_decay: float = 0.01
    momentum: float = 0.9
    schedule: str = "cosine"
    step_epochs: int = 7
    step_factor: float = 0.1
    warmup_epochs: float = 0.0
    early_epochs: int = 0
    early_size: int = 64
    ema: float = 0.99
    clip: float = 5.0
    patience: int = 0
    balance: float = 0.0


_CHOICES = {"optim.optimizer": ("adamw", "sgd"), "optim.schedule": ("cosine", "step")}
_RANGES: Ranges = {
    "1 or more": (
        lambda v: v >= 1,
        (
            *("optim.epochs", "optim.batch", "optim.accumulate", "optim.step_epochs"),
            "run.devices",
        ),
    ),
    "32 or more": (lambda v: v >= 32, ("optim.early_size",)),
    "more than 0": (lambda v: v > 0, ("optim.lr", "optim.encoder_lr", "optim.clip")),
    "0 or more": (
        lambda v: v >= 0,
        (
            *("data.workers", "run.seed", "run.threads", "optim.weight_decay", "optim.patience"),
            *("optim.warmup_epochs", "optim.early_epochs"),
        ),
    ),
    "from 0 to below 1": (lambda v: 0 <= v < 1, ("optim.ema", "optim.momentum")),
    "from 0 to 1": (lambda v: 0 <= v <= 1, ("optim.balance", "optim.step_factor")),
}


def read_recipe(path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The content of a recipe's file; each override is ``table.key=value`` with a TOML value.

    Raises:
        ConfigError: no such file, not TOML, an override of another form.
    """
    path = Path(path)
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({one_line(error)})") from None
    except MisfitError as error:
        raise ConfigError(f"{path}: {error}") from None
    for override in overrides:
        _apply(content, override)
    return content


def recipe_kind(content: Mapping[str, Any]) -> str:
    """What the recipe trains, one of `KINDS`; a recipe that does not say so trains a face model.

    Raises:
        ConfigError: another kind.

    >>> recipe_kind({"kind": "context"}), recipe_kind({})
    ('context', 'face')
    """
    kind = content.get("kind", KINDS[0])
    if kind not in KINDS:
        raise ConfigError(f"kind: expected {' or '.join(KINDS)}, got {shown(kind)}")
    return str(kind)


def build_recipe(of: type[Recipe], content: Mapping[str, Any], kind: str) -> Recipe:
    """A recipe from nested dictionaries.

    Args:
        of: the dataclass to make.
        content: what `read_recipe` gave.
        kind: what this dataclass describes.

    Raises:
        ConfigError: another kind, an unknown or missing key, a wrong type.
    """
    found = recipe_kind(content)
    if found != kind:
        raise ConfigError(f"kind: a recipe of a {kind} model is expected here, got {found!r}")
    try:
        return build(of, {k: v for k, v in content.items() if k != "kind"})
    except MisfitError as error:
        raise ConfigError(str(error)) from None


def check_ranges(recipe: Any, ranges: Ranges) -> None:
    """Refuses a value out of its range by the name of its key."""
    for key, choices in _CHOICES.items():
        check_choice(recipe, key, choices)
    for accepted, (holds, keys) in (*_RANGES.items(), *ranges.items()):
        for key in keys:
            table, name = key.split(".")
            require(holds(getattr(getattr(recipe, table), name)), key, accepted)


def check_choice(recipe: Any, key: str, choices: Sequence[str]) -> None:
    """Refuses a value that is none of these by the name of its key."""
    table, name = key.split(".")
    value = getattr(getattr(recipe, table), name)
    if value not in choices:
        raise ConfigError(f"{key}: unknown {value!r}; {nearest(value, choices)}")


def require(holds: bool, where: str, accepted: str) -> None:
    """Raises a `ConfigError` that names the key and what it may be, unless that holds."""
    if not holds:
        raise ConfigError(f"{where}: expected {accepted}")


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    *tables, name = key.strip().split(".")
    if not (equals and tables and all(tables) and name):
        raise ConfigError(f"--set {override}: expected table.key=value, such as optim.epochs=3")
    try:
        parsed = parse_toml(f"value = {value}")["value"]
    except MisfitError:
        parsed = value.strip()
    table: Any = content
    for part in tables:
        table = table.setdefault(part, {}) if isinstance(table, dict) else table
    if isinstance(table, dict):  # else refused with the rest
        table[name] = parsed
