"""Rows that are people in context: their categories and their valence, arousal and dominance."""

from __future__ import annotations

from affekt.data.manifests.row import Labels, Row
from affekt.evaluation.reading.kind import SetKind
from affekt.heads import Kind

PROTOCOL = (
    "a person's categories are those that any annotator gave, valence, arousal and dominance "
    "the combined ones; persons without a picture are skipped"
)


def _reason_to_skip(row: Row, labels: Labels, protocol: str) -> str | None:
    if row.exclude is not None:
        return f"excluded: {row.exclude}"
    if row.box_xyxy is None or row.categories is None:
        return "no box or no categories of the person"
    return None if row.pictured else "labels without a picture"


PEOPLE = SetKind(
    noun="persons",
    model="context",
    heads=(Kind.MULTI_LABEL, Kind.DIMENSIONAL),
    reason_to_skip=_reason_to_skip,
    says=lambda protocol, labels: PROTOCOL,
)
