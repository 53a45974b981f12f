"""How far annotators agree: pure formulas over the single votes of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.data.manifests.row import Vote
from affekt.labels import CATEGORIES, VAD


def fleiss_kappa(positive: npt.ArrayLike, raters: npt.ArrayLike) -> float | None:
    """Fleiss' kappa of a yes-or-no label: agreement beyond chance, 1 where all always agree.

    Args:
        positive: how many raters marked the label, for each of n people.
        raters: how many rated each person, at least 2.

    Returns:
        From -1 to 1; None without people, or where all votes of all people are the same.

    Source: Fleiss, Measuring nominal scale agreement among many raters, Psychological Bulletin
    76(5), 1971; the number of raters may differ between people.

    >>> fleiss_kappa([2, 0, 2], [2, 2, 2])
    1.0
    >>> round(fleiss_kappa([1, 1, 2, 0], [2, 2, 2, 2]), 3)
    0.0
    """
    yes = np.asarray(positive, dtype=np.float64)
    total = np.asarray(raters, dtype=np.float64)
    if yes.size == 0:
        return None
    no = total - yes
    observed = float(np.mean((yes * (yes - 1) + no * (no - 1)) / (total * (total - 1))))
    share = float(yes.sum() / total.sum())
    expected = share**2 + (1 - share) ** 2
    return None if expected == 1 else (observed - expected) / (1 - expected)


@dataclass(slots=True)
class VoteTally:
    """Collects votes person by person; people with fewer than two annotators say nothing.

    Attributes:
        positive: for each person, how many annotators marked each category.
        raters: for each person, how many there were.
        spreads: for each person, the standard deviation of each VAD dimension.
    """

    positive: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    raters: list[int] = field(default_factory=list)
    spreads: list[FloatArray] = field(default_factory=list)

    def add(self, votes: Sequence[Vote]) -> None:
        """One person's votes."""
        if len(votes) < 2:
            return
        marked = [[name in vote.categories for name in CATEGORIES] for vote in votes]
        self.positive.append(np.sum(marked, axis=0).astype(np.uint8))
        self.raters.append(len(votes))
        rated = [vote.vad for vote in votes if vote.vad is not None]
        if len(rated) > 1:
            self.spreads.append(np.std(rated, axis=0, ddof=1))

    def to_dict(self) -> dict[str, Any]:
        """Plain values: kappa of each category, and how far VAD ratings of a person spread."""
        positive = np.reshape(np.array(self.positive), (-1, len(CATEGORIES)))
        kappas = [fleiss_kappa(column, self.raters) for column in positive.T]
        known = [kappa for kappa in kappas if kappa is not None]
        spread = np.mean(self.spreads, axis=0) if self.spreads else [None] * len(VAD)
        return {
            "people": len(self.raters),
            "annotators": float(np.mean(self.raters)) if self.raters else None,
            "kappa": dict(zip(CATEGORIES, kappas, strict=True)),
            "mean_kappa": float(np.mean(known)) if known else None,
            "vad_spread": {
                name: None if value is None else float(value)
                for name, value in zip(VAD, spread, strict=True)
            },
        }
