"""The tables of a recipe that say where and how to run, on what, and how to learn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from affekt.data.augment.config import AugmentConfig
from affekt.training.recipe.values import (
    TABLE,
    Amount,
    AtLeastOne,
    BelowOne,
    Count,
    Flag,
    Names,
    Number,
    Part,
    Positive,
    Text,
    rule,
)

Manifests = Annotated[Names, rule("at least one manifest", lambda paths: len(paths) > 0)]


@dataclass(frozen=True, slots=True, config=TABLE)
class RunTable:
    """Where and how to run.

    Attributes:
        out: folder for checkpoints, metrics and curves.
        seed: of everything random.
        start: a network that ``affekt train`` saved, to start from: encoders and heads of the
            same names and shapes are taken over; empty starts from the streams' own weights.
        accelerator: ``auto``, ``cpu``, ``cuda``, ``mps``, as Lightning Fabric takes it.
        devices: how many of them; on a CPU, how many processes.
        precision: ``32-true``, ``bf16-mixed`` or another of Lightning Fabric's.
        threads: of each process on a CPU; 0 leaves it to torch.
    """

    out: Text
    seed: Count = 0
    start: Text = ""
    accelerator: Text = "auto"
    devices: AtLeastOne = 1
    precision: Text = "32-true"
    threads: Count = 0


@dataclass(frozen=True, slots=True, config=TABLE)
class DataTable:
    """What to learn from.

    Attributes:
        manifests: files or folders written by ``affekt prepare``.
        workers: processes that prepare batches; 0 prepares them in the training process.
    """

    manifests: Manifests
    workers: Count = 1


@dataclass(frozen=True, slots=True, config=TABLE)
class OptimTable:
    """How to learn.

    Attributes:
        epochs: passes over the training data.
        batch: people or faces per step, over all devices and accumulated parts.
        accumulate: parts that a step is computed in, to save memory.
        optimizer: ``adamw`` or ``sgd``.
        lr: peak learning rate of fusion and heads.
        encoder_lr: of the encoders, where they are trained.
        weight_decay: of the matrices; biases and norms have none.
        momentum: of ``sgd``.
        schedule: ``cosine`` to zero, or ``step``.
        step_epochs: epochs between steps.
        step_factor: of the learning rate at each step.
        warmup_epochs: may be a fraction.
        early_epochs: the first epochs, in which streams show crops of their ``early_size``, to
            save time.
        ema: decay of the averaged weights, per step; early steps count less.
        clip: largest gradient norm.
        patience: epochs without a better score before stopping; 0 never stops early.
        balance: draws what has rare labels more often: 0 not at all, 1 by inverse frequency.
    """

    epochs: AtLeastOne = 30
    batch: AtLeastOne = 64
    accumulate: AtLeastOne = 1
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: Positive = 1e-3
    encoder_lr: Positive = 1e-4
    weight_decay: Amount = 0.01
    momentum: BelowOne = 0.9
    schedule: Literal["cosine", "step"] = "cosine"
    step_epochs: AtLeastOne = 7
    step_factor: Part = 0.1
    warmup_epochs: Amount = 0.0
    early_epochs: Count = 0
    ema: BelowOne = 0.99
    clip: Positive = 5.0
    patience: Count = 0
    balance: Part = 0.0


@dataclass(frozen=True, slots=True, config=TABLE)
class FeaturesTable:
    """Features computed once, where every encoder is frozen.

    Attributes:
        cache: whether to.
        views: how often to see each picture: once plain, and ``views`` - 1 times augmented.
        folder: of the stores; several recipes may share it.
        dtype: ``float32``, or ``float16`` for half the space.
    """

    cache: Flag = False
    views: AtLeastOne = 1
    folder: Text = "runs/features"
    dtype: Literal["float32", "float16"] = "float32"


@dataclass(frozen=True, slots=True, config=TABLE)
class AugmentTable(AugmentConfig):
    """The same with what each value may be."""

    flip: Part = 0.5
    degrees: Amount = 8.0
    scale: BelowOne = 0.2
    shift: BelowOne = 0.08
    person_degrees: Amount = 5.0
    person_scale: BelowOne = 0.1
    person_shift: BelowOne = 0.05
    brightness: BelowOne = 0.3
    contrast: BelowOne = 0.3
    colour: BelowOne = 0.1
    grey: Part = 0.1
    occlude: Part = 0.0
    occlude_max: Annotated[Number, rule("from 0.1 to 1", lambda value: 0.1 <= value <= 1)] = 0.4
    blur: Part = 0.0
    blur_sigma: Amount = 2.0
    downscale: Part = 0.0
    downscale_min: Annotated[Count, rule("from 1 to 56", lambda value: 1 <= value <= 56)] = 20
    jpeg: Part = 0.0
    background: Part = 0.0
    surround: Part = 0.6
    mask: Part = 0.0
