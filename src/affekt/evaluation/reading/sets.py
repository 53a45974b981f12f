"""What can be measured on, one entry for each head that leads a manifest's rows."""

from __future__ import annotations

from affekt.data.manifests.manifest import Manifest
from affekt.errors import DataError
from affekt.evaluation.reading.faces import FACES
from affekt.evaluation.reading.kind import SetKind
from affekt.evaluation.reading.people import PEOPLE
from affekt.heads import CATEGORIES_HEAD, PRIMARY_HEAD

SETS: dict[str, SetKind] = {PRIMARY_HEAD: FACES, CATEGORIES_HEAD: PEOPLE}


def kind_of(manifest: Manifest) -> SetKind:
    """How an open manifest is measured on: by the first of its heads that stands in `SETS`.

    Raises:
        DataError: it has no such head.
    """
    for head, kind in SETS.items():
        if head in manifest.labels:
            return kind
    heads = ", ".join(manifest.labels)
    raise DataError(f"{manifest.path}: labels of {heads} only, expected {' or '.join(SETS)}")
