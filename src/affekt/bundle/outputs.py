"""What comes out of a model, by kind of head: its labels, and what was fitted on held-out data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from affekt.heads import Kind
from affekt.typed import Name, Rule, Share, one_of, within

Labels = Annotated[
    tuple[Name, ...],
    Rule("one label at least", bool),
    Rule("labels that differ", lambda labels: len({*labels}) == len(labels)),
]
Coefficient = Annotated[float, within(-1e4, 1e4)]
Bound = Annotated[float, within(-1e6, 1e6)]


@dataclass(frozen=True, slots=True)
class SingleLabel:
    """One of the labels holds.

    Attributes:
        labels: the meaning of the logits, in order.
        temperature: logits are divided by it before the softmax.
        node: the output of the ONNX file; named like the head by default.
    """

    kind: Annotated[str, one_of(Kind.SINGLE_LABEL.value)] = field(
        default=Kind.SINGLE_LABEL.value, kw_only=True
    )
    labels: Annotated[Labels, Rule("two labels at least", lambda labels: len(labels) > 1)]
    temperature: Annotated[float, within(0.001, 1000)] = 1.0
    node: Name | None = None


@dataclass(frozen=True, slots=True)
class MultiLabel:
    """Any of the labels hold.

    Attributes:
        labels: the meaning of the logits, in order.
        platt: per label, scale and shift of its logit before the sigmoid (Platt 1999); empty
            where logits stay as they are, else of every label.
        thresholds: per label, the probability from which on it counts as present; empty where
            the model gives no label sets, else of every label.
        node: the output of the ONNX file; named like the head by default.
    """

    kind: Annotated[str, one_of(Kind.MULTI_LABEL.value)] = field(
        default=Kind.MULTI_LABEL.value, kw_only=True
    )
    labels: Labels
    platt: dict[Name, tuple[Coefficient, Coefficient]] = field(default_factory=dict)
    thresholds: dict[Name, Share] = field(default_factory=dict)
    node: Name | None = None


@dataclass(frozen=True, slots=True)
class Dimensional:
    """How much of each dimension there is.

    Attributes:
        labels: the dimensions, in order.
        range: least and greatest value of each; what the network gives is clipped to it.
        node: the output of the ONNX file; named like the head by default.
    """

    kind: Annotated[str, one_of(Kind.DIMENSIONAL.value)] = field(
        default=Kind.DIMENSIONAL.value, kw_only=True
    )
    labels: Labels
    range: Annotated[tuple[Bound, Bound], Rule("low before high", lambda pair: pair[0] < pair[1])]
    node: Name | None = None


OutputSpec = SingleLabel | MultiLabel | Dimensional

OUTPUT_KINDS: dict[str, type[OutputSpec]] = {
    Kind.SINGLE_LABEL: SingleLabel,
    Kind.MULTI_LABEL: MultiLabel,
    Kind.DIMENSIONAL: Dimensional,
}
"""How each kind of head is described."""


def fitted_misfits(head: MultiLabel) -> Iterator[str]:
    """What was fitted for labels that there are not, or not for all that there are.

    >>> [*fitted_misfits(MultiLabel(("a", "b"), thresholds={"a": 0.5}))]
    ["thresholds: expected one of every label or none, 'b' has none"]
    """
    for name, fitted in (("platt", head.platt), ("thresholds", head.thresholds)):
        yield from (
            f"{name}: {label!r} is no label" for label in fitted if label not in head.labels
        )
        missing = [label for label in head.labels if fitted and label not in fitted]
        if missing:
            yield f"{name}: expected one of every label or none, {missing[0]!r} has none"
