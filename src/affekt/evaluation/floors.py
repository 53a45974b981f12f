"""What a table of people must be read against: figures that need no pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affekt.arrays import BoolArray, FloatArray
from affekt.data.people import PersonManifest, PersonRow
from affekt.errors import MissingExtraError
from affekt.geometry import person_geometry
from affekt.labels import VAD

try:
    from sklearn.ensemble import RandomForestRegressor
except ImportError:
    raise MissingExtraError("a floor", "data") from None

TREES, LEAF = 60, 30
"""Of the geometry model: how many trees, and how many training persons a leaf holds at least."""

FEWEST_PERSONS = 2 * LEAF
"""Training persons below which there is nothing to split."""


@dataclass(frozen=True, slots=True, eq=False)
class PersonTable:
    """Persons as numbers.

    Attributes:
        geometry: shape (n, 13), see `affekt.geometry.GEOMETRY_FEATURES`.
        truth: shape (n, k), whether the person has the category.
        vad: shape (n, 3), 1 to 10, NaN where unknown.
    """

    geometry: FloatArray
    truth: BoolArray
    vad: FloatArray

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, slots=True, eq=False)
class FloorPredictions:
    """What the floors say of each scored person.

    Attributes:
        geometry: shape (n, k), the share expected by a model that sees only where each person's
            box lies in the picture, how large it is and how many people there are.
        geometry_vad: shape (n, 3), likewise.
        constant_vad: shape (3,), the mean of the training persons.
    """

    geometry: FloatArray
    geometry_vad: FloatArray
    constant_vad: FloatArray


def person_table(rows: list[PersonRow], labels: tuple[str, ...]) -> PersonTable:
    """Geometry, categories and VAD of persons, in their order."""
    geometry = [person_geometry([r.box_xyxy], r.width, r.height, r.people)[0] for r in rows]
    unknown = (np.nan,) * len(VAD)
    return PersonTable(
        geometry=np.reshape(np.asarray(geometry, dtype=np.float64), (len(rows), -1)),
        truth=np.array([[name in r.categories for name in labels] for r in rows], dtype=bool),
        vad=np.array([r.vad or unknown for r in rows], dtype=np.float64),
    )


def train_table(manifest: PersonManifest, labels: tuple[str, ...]) -> PersonTable | None:
    """The training persons of a manifest whose VAD is known; None where they are too few."""
    rows = [row for row in manifest.rows("train") if row.vad is not None]
    return person_table(rows, labels) if len(rows) >= FEWEST_PERSONS else None


def floor_predictions(train: PersonTable, geometry: FloatArray, seed: int = 0) -> FloorPredictions:
    """The floors' answers for persons of whom only the geometry is known.

    Args:
        train: what a small random forest learns from.
        geometry: shape (n, 13), of the persons to be scored.
        seed: of the forest.
    """
    forest = RandomForestRegressor(
        TREES, min_samples_leaf=LEAF, max_features=0.3, random_state=seed
    )
    forest.fit(train.geometry, np.hstack([train.truth, train.vad]))
    said = forest.predict(geometry)
    k = train.truth.shape[1]
    return FloorPredictions(said[:, :k], said[:, k:], train.vad.mean(axis=0))
