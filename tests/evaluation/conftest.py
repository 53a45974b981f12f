"""Made-up predictions of people, for the rooms that only look at arrays."""

from collections.abc import Callable

import numpy as np
import pytest

from affekt.evaluation.people_report import ContextPredictions
from affekt.labels import CATEGORIES

MakePredictions = Callable[..., ContextPredictions]


@pytest.fixture(scope="session")
def make_predictions() -> MakePredictions:
    """``make_predictions(n, skill=...)``: two persons a picture, nobody with Embarrassment."""

    def make(n: int = 120, *, skill: float = 0.5, seed: int = 0) -> ContextPredictions:
        rng = np.random.default_rng(0)  # the persons are the same whatever is said of them
        truth = rng.random((n, 26)) < np.linspace(0.1, 0.7, 26)
        truth[:, CATEGORIES.index("Embarrassment")] = False
        vad_truth = rng.uniform(1, 10, (n, 3))
        vad_truth[3] = np.nan
        genders = tuple(("Female", "Male", None)[i % 3] for i in range(n))
        geometry = rng.normal(size=(n, 13))
        said = np.random.default_rng(seed + 1)
        noise = said.random((n, 26))
        vad = np.clip(np.nan_to_num(vad_truth, nan=5) + said.normal(0, 1, (n, 3)), 1, 10)
        return ContextPredictions(
            split="test",
            labels=CATEGORIES,
            ids=tuple(f"{i // 2}.jpg#{i % 2}" for i in range(n)),
            pictures=tuple(f"{i // 2}.jpg" for i in range(n)),
            truth=truth,
            probabilities=skill * truth + (1 - skill) * noise,
            vad_truth=vad_truth,
            vad=vad,
            geometry=geometry,
            groups={"gender": genders, "source": ("made",) * n},
            faces=n // 2,
        )

    return make
