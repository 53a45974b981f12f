"""Rows of manifests: a face of its own picture, and a person in one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.row import Row
from affekt.labels import CATEGORIES, PRIMARY_AND_CONTEMPT, VAD
from affekt.results import Face

FACES = {"primary": PRIMARY_AND_CONTEMPT}
PEOPLE = {"categories": CATEGORIES, "vad": VAD}


def face_row(
    name: str, shares: dict[str, float], box: tuple[float, ...] = (0, 0, 1, 1), **values: Any
) -> Row:
    """A face of a small picture."""
    face = Face(tuple(map(float, box)), 1.0)  # type: ignore[arg-type]
    given = {"source": "mine", "split": "train", "width": 20, "height": 20, "face": face}
    return Row(id=name, shares=shares, **{**given, **values})


def person_row(name: str, *categories: str, **values: Any) -> Row:
    """A person of whom there are labels only; ``PICTURE#NUMBER`` names the picture."""
    box = (0.0, 0.0, 4.0, 4.0)
    given = {"source": "mine", "split": "train", "width": 8, "height": 8, "box_xyxy": box}
    unit = name.rpartition("#")[0] or name
    return Row(id=name, unit=unit, categories=categories, **{**given, **values})


def manifest_of(
    folder: Path, rows: list[Row], labels: dict[str, Any], unit: str = "picture"
) -> Manifest:
    """Writes rows, and opens what was written."""
    write_manifest(folder, rows, labels=labels, root=".", note={}, unit=unit)
    return Manifest.open(folder)


def tilted(box: tuple[float, float, float, float], degrees: float) -> Face:
    """A face whose eyes lie so many degrees off level."""
    x, y, reach = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 4
    dx, dy = reach * math.cos(math.radians(degrees)), reach * math.sin(math.radians(degrees))
    eyes = ((x - dx, y - dy), (x + dx, y + dy))
    return Face(box, 1.0, (*eyes, (x, y), (x - dx, y + reach), (x + dx, y + reach)))
