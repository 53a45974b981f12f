"""Bootstrap intervals for persons, drawn by picture.

People in one picture share its scene, its occasion and often its labels, so persons are not
independent: pictures are drawn with replacement, each with all of its people (Davison and Hinkley
1997, section 3.8). A draw is how often each person is in it.

Average precision is too high in a small sample, and higher still in a draw of it, where a lucky
positive counts twice. So the interval is the basic one (section 5.2 there), which turns the
draws' distances around, reaching up to the figure itself where it would end below: at 300 EMOTIC
persons it held the true mAP 93 times in 100, the percentile interval 29 times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.evaluation.bootstrap import N_RESAMPLES, percentile_interval
from affekt.evaluation.report import Estimate

CHUNK = 50
"""Draws made at once: what bounds the memory."""

Figures = Callable[[FloatArray], Mapping[str, npt.ArrayLike]]
"""Weights of shape (r, n) to figures by name, each of shape (r, ...)."""


def picture_draws(
    pictures: Sequence[Any], *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Iterator[FloatArray]:
    """How often each person is in each draw of as many pictures as there are.

    Args:
        pictures: of each of the n persons, which picture they are in.
        n_resamples: how many draws.
        seed: the same seed gives the same draws.

    Yields:
        Shape (at most `CHUNK`, n), whole numbers.

    >>> draws = next(picture_draws(["a", "a", "b"], n_resamples=4))
    >>> draws.shape, bool((draws[:, 0] == draws[:, 1]).all()), set((draws @ [0.5, 0.5, 1]).tolist())
    ((4, 3), True, {2.0})
    """
    names, place = np.unique(np.asarray(pictures), return_inverse=True)
    count = len(names)
    generator = np.random.default_rng(seed)
    for start in range(0, n_resamples, CHUNK):
        draws = generator.integers(count, size=(min(CHUNK, n_resamples - start), count))
        times = np.stack([np.bincount(draw, minlength=count) for draw in draws])
        yield times[:, place].astype(np.float64)


def sample_figures(
    figures: Figures,
    pictures: Sequence[Any],
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Figures of the persons themselves, shape (...), and of every draw, shape (r, ...)."""
    own = {name: np.asarray(v)[0] for name, v in figures(np.ones((1, len(pictures)))).items()}
    parts: dict[str, list[npt.ArrayLike]] = {name: [] for name in own}
    done = 0
    for draws in picture_draws(pictures, n_resamples=n_resamples, seed=seed):
        for name, values in figures(draws).items():
            parts[name].append(values)
        done += len(draws)
        if progress:
            progress(done, n_resamples)
    return own, {name: np.concatenate(values) for name, values in parts.items()}


def estimate(
    value: float | FloatArray,
    samples: npt.ArrayLike,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Estimate:
    """A figure with its basic bootstrap 95% interval, from 2 value - percentile 97.5.

    Args:
        value: the figure itself.
        samples: shape (r,), that of every draw; undefined ones (NaN) do not count.
        within: the least and greatest value the figure can take; the interval is cut to it.

    >>> [round(v, 3) for v in estimate(0.5, np.linspace(0.5, 0.9, 101))]
    [0.5, 0.11, 0.5]
    """
    own = float(value)
    low, high = percentile_interval(samples)
    ends = (np.minimum(own, 2 * own - high), np.maximum(own, 2 * own - low))
    bounds = np.clip(ends, *within)
    return Estimate(own, *bounds.tolist())
