"""Rows that are faces: one label of each, by its votes."""

from __future__ import annotations

from affekt.data.manifests.row import Labels, Row
from affekt.evaluation.reading.kind import SetKind
from affekt.heads import PRIMARY_HEAD, Kind

PROTOCOLS = {
    "plurality": "the true label is the one with the most votes; faces without one are skipped",
    "majority": (
        "the true label is the one with more than half of the votes by the data set's official "
        "rule; faces without one are skipped"
    ),
}


def _reason_to_skip(row: Row, labels: Labels, protocol: str) -> str | None:
    if row.exclude is not None:
        return f"excluded: {row.exclude}"
    if row.face is None:
        return "no face found"
    if row.label is None:
        return "no label with the most votes"
    if protocol == "majority" and row.majority is not True:
        return "no votes" if row.majority is None else "no majority"
    known = row.label in labels.get(PRIMARY_HEAD, (row.label,))
    return None if known else f"the model has no {row.label}"


def _says(protocol: str, labels: Labels) -> str:
    own = labels.get(PRIMARY_HEAD, ())
    return (
        f"{protocol}: {PROTOCOLS[protocol]}; {len(own)} classes ({', '.join(own)}), faces of any "
        "other are skipped"
    )


FACES = SetKind(
    noun="faces",
    model="face",
    heads=(Kind.SINGLE_LABEL,),
    reason_to_skip=_reason_to_skip,
    says=_says,
    protocols=PROTOCOLS,
    boxed=False,
)
