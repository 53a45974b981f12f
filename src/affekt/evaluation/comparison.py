"""Two models on the same people: is one better, or are they only lucky on different pictures?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from affekt.arrays import FloatArray
from affekt.bundle import Bundle
from affekt.data.people import PersonManifest
from affekt.errors import DataError, UsageError
from affekt.evaluation.bootstrap import N_RESAMPLES
from affekt.evaluation.people import Progress, model_thresholds, predict_people
from affekt.evaluation.people_bootstrap import estimate, sample_figures
from affekt.evaluation.people_figures import all_figures
from affekt.evaluation.people_report import ContextPredictions
from affekt.evaluation.people_tables import SINGLE_FIGURES
from affekt.evaluation.report import Estimate, plain
from affekt.evaluation.tables import Table, interval_text, number_text
from affekt.inference.context import ContextModel
from affekt.labels import VAD

COMPARED = {
    **SINGLE_FIGURES,
    **{f"vad_mae.{name}": (f"{name}, mean absolute error", 1, 2) for name in VAD},
    **{f"vad_ccc.{name}": (f"{name}, CCC", 1, 2) for name in VAD},
}
"""Title, factor and digits of each figure compared."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two models.

    Attributes:
        a: of the first.
        b: of the second.
        difference: ``b - a``, with its interval over draws that both models share.
        p: two-sided probability of a difference at least as far from 0 if there were none.
    """

    a: float
    b: float
    difference: Estimate
    p: float


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two models on the same persons.

    Attributes:
        models: the names of the first and the second.
        data: the manifest's file.
        split: of it.
        n: how many persons.
        differences: by figure, see `COMPARED`; then ``ap.<category>`` for each category.
        bootstrap: number of resamples and seed.
    """

    models: tuple[str, str]
    data: str
    split: str
    n: int
    differences: dict[str, Difference]
    bootstrap: dict[str, int]
    labels: tuple[str, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; an undefined figure is None."""
        return {
            "models": list(self.models),
            "data": self.data,
            "split": self.split,
            "n": self.n,
            "differences": {name: _plain(value) for name, value in self.differences.items()},
            "bootstrap": self.bootstrap,
        }

    def to_markdown(self) -> str:
        """A page with the differences, those of every category last."""
        rows = [_row(self.differences[name], *COMPARED[name]) for name in COMPARED]
        rows += [_row(self.differences[f"ap.{name}"], f"AP {name} (%)", 100, 1)
                 for name in self.labels]  # fmt: skip
        titles = ["figure", *self.models, "difference (95% interval)", "p"]
        return "\n\n".join(
            [
                f"# {self.models[1]} against {self.models[0]} on {self.data}, {self.split}",
                f"{self.n} persons. Intervals and p: paired bootstrap by picture, "
                f"{self.bootstrap['n_resamples']} resamples; no correction for many figures.",
                Table(titles, rows).markdown(),
            ]
        )


def compare_bundles(
    a: Bundle,
    b: Bundle,
    manifest: PersonManifest,
    split: str = "test",
    *,
    threads: int | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Two context models measured on the same split of a manifest.

    Raises:
        DataError: see `affekt.evaluation.people.evaluate_people`.
        BundleError: likewise.
        UsageError: both are the same bundle.
    """
    if a.info.files == b.info.files:
        raise UsageError(f"{a.folder} and {b.folder} are the same model: give two that differ")
    models = [ContextModel(bundle, threads) for bundle in (a, b)]
    said = [predict_people(model, manifest, split, progress=progress) for model in models]
    return compare(
        said[0],
        said[1],
        models=(a.info.name, b.info.name),
        data=str(manifest.path),
        thresholds=(model_thresholds(models[0]), model_thresholds(models[1])),
        n_resamples=n_resamples,
        seed=seed,
    )


def compare(
    a: ContextPredictions,
    b: ContextPredictions,
    *,
    models: tuple[str, str],
    data: str,
    thresholds: tuple[FloatArray | None, FloatArray | None] = (None, None),
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """The figures of two models and their differences, on draws that both share.

    Raises:
        DataError: they were not made for the same persons and categories.
    """
    if (a.ids, a.labels) != (b.ids, b.labels) or not np.array_equal(a.truth, b.truth):
        raise DataError(
            f"{models[0]} was measured on {len(a.ids)} persons and {models[1]} on {len(b.ids)} "
            "others: compare models on the same split of the same manifest"
        )
    (own_a, samples_a), (own_b, samples_b) = (
        sample_figures(
            partial(_figures, said, limits), said.pictures, n_resamples=n_resamples, seed=seed
        )
        for said, limits in zip((a, b), thresholds, strict=True)
    )
    differences = {
        name: _difference(float(own_a[name]), float(own_b[name]), samples_b[name] - samples_a[name])
        for name in own_a
    }
    draws = {"n_resamples": n_resamples, "seed": seed}
    return Comparison(models, data, a.split, len(a.ids), differences, draws, a.labels)


def _figures(
    said: ContextPredictions, thresholds: FloatArray | None, weights: FloatArray
) -> dict[str, FloatArray]:
    """Every figure compared by name, each of shape (r,)."""
    found = all_figures(said.people(thresholds), weights)
    flat = {name: found[name] for name in COMPARED if name in found}
    for name in ("vad_mae", "vad_ccc"):
        flat |= {f"{name}.{key}": found[name][:, j] for j, key in enumerate(VAD)}
    return flat | {f"ap.{label}": found["ap"][:, j] for j, label in enumerate(said.labels)}


def _difference(a: float, b: float, samples: FloatArray) -> Difference:
    return Difference(a, b, estimate(b - a, samples), p_value(b - a, samples))


def p_value(difference: float, samples: FloatArray) -> float:
    """Two-sided p of a difference being 0: below 0.05 where the basic 95% interval leaves out 0.

    Twice the share of draws that lie further from the difference than 0 does, on 0's mirrored
    side, with one draw added so that it is never 0.

    Args:
        difference: the one measured.
        samples: shape (r,), that of every draw; undefined ones (NaN) do not count.

    >>> round(p_value(0.3, np.linspace(0.2, 0.4, 99)), 2), p_value(0.0, np.linspace(-1, 1, 99))
    (0.02, 1.0)
    """
    drawn = samples[np.isfinite(samples)]
    if not drawn.size or np.isnan(difference):
        return float("nan")
    further = min(int((drawn >= 2 * difference).sum()), int((drawn <= 2 * difference).sum()))
    return min(1.0, 2 * (further + 1) / (len(drawn) + 1))


def _plain(value: Difference) -> dict[str, Any]:
    estimated, low, high = (plain(v) for v in value.difference)
    interval = None if low is None else [low, high]
    figures = {"a": plain(value.a), "b": plain(value.b), "p": plain(value.p)}
    return {**figures, "difference": estimated, "difference_ci95": interval}


def _row(value: Difference, title: str, factor: float, digits: int) -> list[str]:
    return [
        title,
        number_text(value.a, factor, digits),
        number_text(value.b, factor, digits),
        interval_text(value.difference, factor, digits),
        number_text(value.p, 1, 3),
    ]
