"""What the training loop knows of a model: the seam where a family of models is a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from affekt.arrays import FloatArray32

Outputs = Mapping[str, Tensor]
"""What a network says of n samples: by the name of each head a tensor of shape (n, width)."""

Said = Mapping[str, FloatArray32]
"""The same of all samples of a pass, in the order of their places."""

Figures = dict[str, dict[str, float]]
"""Figures of validation data by the name of the data, among them ``loss`` and ``n``."""


class Share(NamedTuple):
    """One process's share of a pass.

    Attributes:
        rank: of the process.
        processes: that share the pass; each takes every so many-th part.
    """

    rank: int = 0
    processes: int = 1


class Part(NamedTuple):
    """What one process computes at once.

    Attributes:
        batch: for the network and `Task.loss`.
        weight: of its mean loss: these sum, over the parts that one process computes in a step,
            to its share of the step's samples times the number of processes. The mean over the
            processes is then the mean over the samples.
    """

    batch: Any
    weight: float


class Steps(NamedTuple):
    """A pass over the training data.

    Attributes:
        total: of the steps.
        parts: of one process, ``optim.accumulate`` of them for each step.
    """

    total: int
    parts: Iterator[Part]


class Samples(NamedTuple):
    """A pass over the validation data.

    Attributes:
        total: of the samples that all processes together read.
        batches: of one process; ``place`` of a batch says which of the samples it holds.
    """

    total: int
    batches: Iterator[Any]


class Score(NamedTuple):
    """How well the validation data were read.

    Attributes:
        value: what the best epoch has most of.
        figures: for the metrics of the epoch.
    """

    value: float
    figures: Figures


class Task(Protocol):
    """A model to be trained, with what it learns from and how it is judged."""

    @property
    def network(self) -> nn.Module:
        """From a batch to `Outputs`, in one call that a strategy can wrap."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """For the optimizer; ``lr`` of each is its peak learning rate."""

    def train_batches(self, epoch: int, share: Share) -> Steps:
        """What one process learns from in an epoch.

        Every process has as many parts as the others, or one would wait for ever.
        """

    def val_batches(self, share: Share) -> Samples:
        """What one process is judged by."""

    def loss(self, outputs: Outputs, batch: Any) -> Tensor:
        """The mean over the samples of a batch."""

    def score(self, said: Said) -> Score:
        """The figures of an epoch, from what was said of all validation samples."""

    def save(self, path: Path, network: nn.Module, history: Mapping[str, Any]) -> None:
        """Writes the model with the weights of a network like `network`.

        Args:
            path: of a safetensors file.
            network: whose weights to take.
            history: recipe, epoch and figures, for the description.
        """
