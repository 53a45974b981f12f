"""What measuring needs to know of a family of rows: faces, people in context, or others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from affekt.data.manifests.row import Labels, Row
from affekt.heads import Kind


@dataclass(frozen=True, slots=True)
class SetKind:
    """How the rows of a manifest are measured on.

    Attributes:
        noun: what its rows are.
        model: the bundle measured where none is named.
        heads: what its rows have the truth of.
        reason_to_skip: why a row is not scored, None where it is: from the row, the labels of the
            model's heads that are measured, and the protocol.
        says: which rows count and what their truth is, in words: from the protocol and the labels.
        protocols: that may be chosen, the first where none is; what each says.
        boxed: whether rows are people with a box: it is a floor what their place alone tells, and
            whether their face is seen is counted.
    """

    noun: str
    model: str
    heads: tuple[Kind, ...]
    reason_to_skip: Callable[[Row, Labels, str], str | None]
    says: Callable[[str, Labels], str]
    protocols: Mapping[str, str] = field(default_factory=dict)
    boxed: bool = True
