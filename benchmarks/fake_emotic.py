"""A made-up EMOTIC of any size in the official layout: the real one's counts, sizes and labels.

    python benchmarks/fake_emotic.py out/fake --persons 1000

At 34,320 persons it has as many pictures as EMOTIC and as many persons in each split. How large
pictures are, where persons stand in them and what is said of them is drawn from marginals of
EMOTIC, or from the labels themselves with ``--labels``. Every picture shows the packaged photo:
a few hundred files, and hard links to them.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops
from scipy.io import savemat

from affekt.arrays import FloatArray
from affekt.data.sets.emotic.annotations import AnnotatedPerson
from affekt.data.sets.emotic.csv import SWAPPED_SOURCE
from affekt.data.sets.emotic.layouts import find_layout
from affekt.labels import CATEGORIES, VAD, VAD_RANGE

FULL = 34_320
COUNTS = {"train": (17_077, 23_706), "val": (2_088, 3_334), "test": (4_389, 7_280)}
"""Pictures and persons of each split at full size."""

ANNOTATORS = {"train": 1, "val": 5, "test": 3}
FILE_NAMES = {
    "mscoco": "COCO_train2014_{:012d}.jpg",
    "framesdb": "frame_{:09d}.jpg",
    "emodb_small": "{:018d}.jpg",
    "ade20k": "ADE_train_{:08d}.jpg",
}

SIZES: dict[str, dict[tuple[int, int], float]] = {
    "mscoco": {
        (640, 480): 0.21, (640, 427): 0.22, (500, 375): 0.04, (480, 640): 0.05,
        (427, 640): 0.05, (612, 612): 0.03, (640, 640): 0.02,
    },
    "framesdb": {
        (450, 320): 0.06, (640, 480): 0.05, (800, 600): 0.05, (852, 480): 0.04, (1024, 683): 0.03,
        (1300, 957): 0.03, (1600, 1200): 0.025, (2048, 1536): 0.015, (3264, 2448): 0.012,
        (4000, 3000): 0.006, (6000, 4000): 0.003,
    },
    "emodb_small": {
        (183, 275): 0.018, (300, 450): 0.018, (500, 500): 0.009, (533, 800): 0.009,
        (1474, 1600): 0.005,
    },
    "ade20k": {
        (500, 375): 0.005, (640, 480): 0.005, (1280, 960): 0.004, (2048, 1536): 0.003,
        (2592, 1944): 0.002, (3504, 2336): 0.001,
    },
}  # fmt: skip
"""About the sizes of EMOTIC's pictures, and their share in all of them."""

LARGEST = ("framesdb", 7728, 5152)
"""The largest picture of EMOTIC has as many pixels; one such is in every set, however small."""

PREVALENCE = {
    "train": (4.6, 0.9, 1.6, 22.9, 0.7, 17.5, 1.4, 6.3, 2.1, 2.8, 0.7, 55.1, 3.7,
              18.9, 2.3, 0.8, 24.2, 0.8, 7.3, 9.0, 1.7, 1.6, 1.1, 1.8, 3.1, 2.9),
    "val": (19.9, 3.3, 8.4, 89.2, 5.9, 57.1, 6.9, 25.4, 12.6, 11.8, 4.8, 94.5, 21.4,
            59.3, 7.1, 5.1, 68.7, 4.9, 18.9, 33.8, 5.3, 4.3, 4.6, 9.1, 21.0, 12.2),
    "test": (13.3, 2.4, 4.7, 47.3, 2.9, 47.8, 4.3, 15.4, 12.4, 14.5, 1.9, 77.6, 13.7,
             48.2, 5.9, 3.2, 48.1, 1.9, 14.7, 29.0, 5.1, 2.9, 3.3, 6.1, 8.4, 6.5),
}  # fmt: skip
"""Persons with each category, in percent, in the order of `CATEGORIES`."""

VAD_MEAN, VAD_SD = (6.0, 5.6, 6.4), (1.3, 1.9, 1.6)
GENDERS = {"Male": 0.65, "Female": 0.35}
AGES = {"Adult": 0.81, "Kid": 0.1, "Teenager": 0.09}

POOL = 4000
"""Persons made up per split; a set draws its own from them."""

LOOKS = 300
"""Different sizes taken from given labels."""

VARIANTS, PLAIN_PIXELS = 4, 2_000_000
"""Different files per size, one for pictures of more pixels than that."""

GOLDEN = 0.6180339887498949
"""Multiples of it modulo 1 fill the unit interval evenly: every set has the same mix of sizes."""

Look = tuple[str, int, int]
"""Source, width and height of a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What a set is drawn from.

    Attributes:
        looks: of pictures.
        until: the share of all pictures that have this look or one before it.
        people: by split; their boxes in shares of the picture's width and height.
    """

    looks: Sequence[Look]
    until: FloatArray
    people: Mapping[str, Sequence[AnnotatedPerson]]

    def look(self, number: int) -> Look:
        """That of a picture of the set."""
        if number == 0:
            return max(self.looks, key=lambda look: look[1] * look[2])
        place = np.searchsorted(self.until, number * GOLDEN % 1, side="right")
        return self.looks[min(int(place), len(self.looks) - 1)]


def main() -> None:
    """Write a set."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--persons", type=int, default=FULL)
    parser.add_argument("--labels", type=Path, help="a folder with train.csv, val.csv, test.csv")
    options = parser.parse_args()
    write_emotic(options.folder, options.persons, labels=options.labels)


def write_emotic(folder: Path, persons: int, *, labels: Path | None = None, seed: int = 0) -> None:
    """Writes pictures, then ``Annotations.mat``: where that is, the set is complete.

    Args:
        folder: gets ``Annotations`` and ``emotic``.
        persons: over all splits, 10 or more.
        labels: EMOTIC's labels as CSV files, to draw from in place of the marginals above.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    drawn_from = marginals(rng) if labels is None else statistics_of(labels)
    entries: dict[str, list[dict[str, Any]]] = {}
    writer, number = PictureWriter(folder / "emotic"), 0
    for split, sizes in people_per_picture(persons, rng).items():
        entries[split] = []
        for people in sizes:
            look = drawn_from.look(number)
            writer.write(look, number)
            pool = drawn_from.people[split]
            chosen = rng.choice(len(pool), people, replace=False)
            votes = [_votes(pool[i], ANNOTATORS[split], rng) for i in chosen]
            boxed = [
                _person(pool[i], look, own, split) for i, own in zip(chosen, votes, strict=True)
            ]
            entries[split].append(_entry(look, number, boxed))
            number += 1
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    arrays = {split: _structs(own) for split, own in entries.items()}
    partial = folder / "Annotations" / "partial.mat"
    savemat(partial, arrays, do_compression=True)
    partial.replace(folder / "Annotations" / "Annotations.mat")


def split_counts(persons: int) -> dict[str, tuple[int, int]]:
    """Pictures and persons of each split of a set of any size.

    >>> split_counts(1000)
    {'train': (498, 691), 'val': (61, 97), 'test': (128, 212)}
    """
    counts, left = {}, persons
    for split, (pictures, own) in reversed(COUNTS.items()):
        share = left if split == "train" else round(persons * own / FULL)
        counts[split] = (min(share, max(1, round(persons * pictures / FULL))), share)
        left -= share
    return dict(reversed(counts.items()))


def people_per_picture(persons: int, rng: np.random.Generator) -> dict[str, list[int]]:
    """How many persons each picture of each split holds: one, or seldom many."""
    sizes = {}
    for split, (pictures, own) in split_counts(persons).items():
        crowd = rng.exponential(size=pictures) ** 1.5
        sizes[split] = (1 + rng.multinomial(own - pictures, crowd / crowd.sum())).tolist()
    return sizes


def marginals(rng: np.random.Generator) -> Statistics:
    """Made-up persons with EMOTIC's marginals."""
    shares = {(s, *size): share for s, sizes in SIZES.items() for size, share in sizes.items()}
    until = np.cumsum([*shares.values(), 0.0005])
    people = {split: [_made_up(split, rng) for _ in range(POOL)] for split in COUNTS}
    return Statistics([*shares, LARGEST], until / until[-1], people)


def statistics_of(labels: Path) -> Statistics:
    """The persons of EMOTIC's labels, and a choice of its sizes that keeps their mix."""
    looks: list[Look] = []
    people: dict[str, list[AnnotatedPerson]] = {split: [] for split in COUNTS}
    for picture in find_layout(labels, labels_only=True).pictures():
        looks.append((picture.source, picture.width, picture.height))
        scale = np.array([picture.width, picture.height] * 2)
        people[picture.split] += [
            AnnotatedPerson(_box(np.array(p.box_xyxy) / scale), p.categories, p.vad, (), p.groups)
            for p in picture.people
        ]
    looks.sort(key=lambda look: (look[0], look[1] * look[2]))
    chosen = np.linspace(0, len(looks) - 1, LOOKS).astype(int)
    largest = max(looks, key=lambda look: look[1] * look[2])
    kept = [*(looks[i] for i in chosen), largest]
    return Statistics(kept, np.linspace(1 / LOOKS, 1 + 1 / LOOKS, LOOKS + 1), people)


class PictureWriter:
    """Pictures of the packaged photo: each size is encoded once per variant, then linked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: dict[tuple[int, int, int], Path] = {}
        with as_file(files("affekt") / "assets" / "astronaut.jpg") as path:
            self.photo = Image.open(path).convert("RGB")

    def write(self, look: Look, number: int) -> None:
        """The picture of that number."""
        source, width, height = look
        path = self.folder / source / "images" / FILE_NAMES[source].format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        variant = number % VARIANTS if width * height < PLAIN_PIXELS else 0
        first = self.made.setdefault((width, height, variant), path)
        if first is path:
            picture = self.photo.resize((width, height), Image.Resampling.BILINEAR)
            ImageChops.offset(picture, variant * width // VARIANTS, 0).save(path, quality=90)
            return
        try:
            os.link(first, path)
        except OSError:  # no links here, or too many
            shutil.copyfile(first, path)


def _made_up(split: str, rng: np.random.Generator) -> AnnotatedPerson:
    marked = rng.random(len(CATEGORIES)) < np.array(PREVALENCE[split]) / 100
    categories = tuple(name for name, yes in zip(CATEGORIES, marked, strict=True) if yes)
    width, height = np.clip(rng.normal((0.31, 0.6), (0.17, 0.2)), 0.05, 1.0)
    x, y = np.clip(rng.normal((0.5, 0.53), (0.2, 0.12)), 0.02, 0.98)
    corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    valence, arousal, dominance = rng.normal(VAD_MEAN, VAD_SD)
    return AnnotatedPerson(
        _box(np.array(corners)),
        categories or ("Engagement",),
        (valence, arousal, dominance),
        (),
        {
            "gender": str(rng.choice([*GENDERS], p=[*GENDERS.values()])),
            "age": str(rng.choice([*AGES], p=[*AGES.values()])),
        },
    )


def _box(shares: FloatArray) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = np.clip(shares, 0.0, 1.0).tolist()
    return x1, y1, x2, y2


Marked = tuple[tuple[str, ...], tuple[int, ...]]
"""What one annotator says: categories and VAD."""


def _votes(person: AnnotatedPerson, annotators: int, rng: np.random.Generator) -> list[Marked]:
    """Each category comes from at least one annotator; VAD lies around the person's."""
    marked = rng.random((annotators, len(person.categories))) < 0.5
    marked[rng.integers(annotators, size=len(person.categories)), range(marked.shape[1])] = True
    vads = np.array(person.vad) + (annotators > 1) * rng.normal(size=(annotators, len(VAD)))
    vads = np.clip(np.rint(vads), *VAD_RANGE).astype(int)
    names = np.array(person.categories, dtype=object)
    return [(tuple(names[m]), tuple(v.tolist())) for m, v in zip(marked, vads, strict=True)]


def _person(
    person: AnnotatedPerson, look: Look, votes: Sequence[Marked], split: str
) -> dict[str, Any]:
    """A person of the official layout: train has no combined fields."""
    corners = np.array(person.box_xyxy) * ([look[1], look[2]] * 2)
    said = {
        "body_bbox": np.round(corners, 2)[None],
        "annotations_categories": _structs([{"categories": _cell(names)} for names, _ in votes]),
        "annotations_continuous": _structs([dict(zip(VAD, v, strict=True)) for _, v in votes]),
        **person.groups,
    }
    if split == "train":
        return said
    means = np.mean([vad for _, vad in votes], axis=0).tolist()
    combined = {
        "combined_categories": _cell(person.categories),
        "combined_continuous": dict(zip(VAD, means, strict=True)),
    }
    return {name: (said | combined)[name] for name in _PERSON_FIELDS}


_PERSON_FIELDS = (
    *("body_bbox", "annotations_categories", "combined_categories"),
    *("annotations_continuous", "combined_continuous", "gender", "age"),
)


def _entry(look: Look, number: int, people: Sequence[dict[str, Any]]) -> dict[str, Any]:
    source, width, height = look
    size = {"n_col": width, "n_row": height}
    swapped = dict(reversed(size.items())) if source == SWAPPED_SOURCE else size
    info = {"image_id": number, "annotations_id": number}
    return {
        "filename": FILE_NAMES[source].format(number),
        "folder": f"{source}/images",
        "image_size": swapped,
        "original_database": {"name": source, "info": info},
        "person": _structs(people),
    }


def _structs(items: Sequence[Mapping[str, Any]]) -> npt.NDArray[Any]:
    """A MATLAB struct array, shape (1, n)."""
    array = np.zeros((1, len(items)), dtype=[(name, object) for name in items[0]])
    for place, item in enumerate(items):
        array[0, place] = tuple(item.values())
    return array


def _cell(names: Sequence[str]) -> npt.NDArray[Any]:
    """A MATLAB cell of strings, shape (1, n)."""
    cell = np.empty((1, len(names)), dtype=object)
    cell[0, :] = names
    return cell


if __name__ == "__main__":
    main()
