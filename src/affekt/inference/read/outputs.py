"""From what a network gives to what a head says: one entry per kind of head.

Each kind reads one model's numbers, and settles the weighted mean of several models', of which
one alone is the simplest case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from affekt.arrays import FloatArray, FloatArray32, logit, sigmoid, softmax
from affekt.bundle import Dimensional, MultiLabel, OutputSpec, SingleLabel
from affekt.heads import Kind

SMALLEST = 1e-12
"""In place of a probability of 0, before its logarithm."""


class HeadKind(NamedTuple):
    """How one kind of head is read.

    Attributes:
        read: what a model says, from its head and the network's numbers (n, k).
        calibrate: probabilities of an ensemble, from its head and the mean of its members'.
        settle: the last step, for an ensemble as for one model.
    """

    read: Callable[[Any, FloatArray32], FloatArray32]
    calibrate: Callable[[Any, FloatArray32], FloatArray32]
    settle: Callable[[Any, FloatArray], FloatArray]


def _as_it_is(head: Any, values: Any) -> Any:
    return values


def _read_single(head: SingleLabel, logits: FloatArray32) -> FloatArray32:
    return softmax(logits, head.temperature)


def _calibrate_single(head: SingleLabel, mean: FloatArray32) -> FloatArray32:
    if head.temperature == 1:
        return mean
    return softmax(np.log(np.maximum(mean, SMALLEST)), head.temperature)


def _read_multi(head: MultiLabel, logits: FloatArray32) -> FloatArray32:
    scale, shift = _platt(head)
    return sigmoid(scale * logits + shift)


def _calibrate_multi(head: MultiLabel, mean: FloatArray32) -> FloatArray32:
    return _read_multi(head, logit(mean)) if head.platt else mean


def _platt(head: MultiLabel) -> FloatArray32:
    """Scale and shift of each label, shape (2, k); 1 and 0 where none were fitted."""
    known = head.platt or dict.fromkeys(head.labels, (1.0, 0.0))
    return np.asarray([known[label] for label in head.labels], dtype=np.float32).T


def _settle_dimensional(head: Dimensional, mean: FloatArray) -> FloatArray:
    return np.clip(mean, *head.range)


HEADS: dict[str, HeadKind] = {
    Kind.SINGLE_LABEL: HeadKind(_read_single, _calibrate_single, _as_it_is),
    Kind.MULTI_LABEL: HeadKind(_read_multi, _calibrate_multi, _as_it_is),
    Kind.DIMENSIONAL: HeadKind(_as_it_is, _as_it_is, _settle_dimensional),
}


def read_head(head: OutputSpec, given: FloatArray32) -> FloatArray32:
    """What a model says: probabilities, or values of dimensions that are not clipped yet.

    Args:
        head: of the model.
        given: what the network gives, shape (n, k).

    >>> read_head(MultiLabel(("a",), platt={"a": (2.0, -4.0)}), np.float32([[2.0]])).tolist()
    [[0.5]]
    """
    return HEADS[head.kind].read(head, given)


def combine_heads(
    head: OutputSpec, said: Sequence[FloatArray32], weights: Sequence[float], *, ensemble: bool
) -> FloatArray32:
    """The weighted mean of what the members say, calibrated again where they are an ensemble.

    The mean of sound probabilities is too cautious.

    Args:
        head: of the ensemble, or of the only model.
        said: by each member, shape (n, k), see `read_head`.
        weights: of the members.
        ensemble: whether they are one.

    >>> values = [np.float32([[12.0]]), np.float32([[4.0]])]
    >>> combine_heads(Dimensional(("calm",), (1, 10)), values, [1, 1], ensemble=True).tolist()
    [[8.0]]
    """
    kind = HEADS[head.kind]
    mean: FloatArray = np.average(said, axis=0, weights=weights)
    if ensemble:
        mean = kind.calibrate(head, mean.astype(np.float32)).astype(np.float64)
    return kind.settle(head, mean).astype(np.float32)


def spread_of(said: Sequence[FloatArray32], weights: Sequence[float]) -> FloatArray32:
    """How far the members' probabilities lie apart, shape (n,), 0 (agreed) to 0.5.

    The weighted standard deviation of each label, mean over the labels.

    Args:
        said: by each member, shape (n, k).
        weights: of the members.

    >>> said = [np.array([[0.25, 0.5]], np.float32), np.array([[0.75, 0.5]], np.float32)]
    >>> spread_of(said, [1, 1]).tolist()
    [0.125]
    """
    probabilities = np.stack(said)
    mean = np.average(probabilities, axis=0, weights=weights)
    variance = np.average((probabilities - mean) ** 2, axis=0, weights=weights)
    return np.asarray(np.sqrt(variance).mean(axis=1), dtype=np.float32)
