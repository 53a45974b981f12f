"""Bootstrap intervals: whole units are drawn with replacement, and two rules make intervals of it.

What resampling draws is a unit, never a row alone where rows hang together: people in one picture
share its scene, its occasion and often its labels, and faces of one subject are alike. A unit is
drawn with all of its rows (Davison and Hinkley 1997, section 3.8). A draw is how often each row is
in it, so it is a vector of weights, and every figure of every head is measured on the same draws.

A figure has one rule. The percentile interval (Efron 1979) runs from the 2.5th to the 97.5th
percentile of the draws. The basic interval (Davison and Hinkley 1997, section 5.2) turns the
draws' distances around; it is for figures that come out too high among few rows, and higher still
in a draw of them. Either reaches to the figure itself where it would end before.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray, IntArray

Name = TypeVar("Name", bound=Hashable)

N_RESAMPLES = 1000
LEVEL = 0.95
CHUNK = 50
"""Draws made at once: what bounds the memory."""

EVERYWHERE = (-np.inf, np.inf)


class Rule(StrEnum):
    """How an interval is made of a figure's draws."""

    PERCENTILE = "percentile"
    BASIC = "basic"


class Estimate(NamedTuple):
    """A figure and its 95% interval; NaN where undefined."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How often to draw, and the seed of the draws."""

    n_resamples: int = N_RESAMPLES
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Sampled(Generic[Name]):
    """Figures by name: of the rows themselves, shape (...), and of every draw, shape (r, ...)."""

    own: dict[Name, FloatArray]
    draws: dict[Name, FloatArray]


def draw_weights(unit_of: IntArray, bootstrap: Bootstrap) -> Iterator[FloatArray]:
    """How often each row is in each draw of as many units as there are.

    Args:
        unit_of: of each of the n rows, which unit it belongs to, counted from 0.
        bootstrap: the same seed gives the same draws.

    Yields:
        Shape (at most `CHUNK`, n), whole numbers.

    >>> draws = next(draw_weights(np.array([0, 0, 1]), Bootstrap(4)))
    >>> draws.shape, bool((draws[:, 0] == draws[:, 1]).all()), set((draws @ [0.5, 0.5, 1]).tolist())
    ((4, 3), True, {2.0})
    """
    units, generator = int(unit_of.max()) + 1, np.random.default_rng(bootstrap.seed)
    for start in range(0, bootstrap.n_resamples, CHUNK):
        count = min(CHUNK, bootstrap.n_resamples - start)
        draws = generator.integers(units, size=(count, units))
        times = np.stack([np.bincount(draw, minlength=units) for draw in draws])
        yield times[:, unit_of].astype(np.float64)


def sample(
    figures: Callable[[FloatArray], Mapping[Name, npt.ArrayLike]],
    unit_of: IntArray,
    bootstrap: Bootstrap,
    progress: Callable[[int, int], None] | None = None,
) -> Sampled[Name]:
    """Figures of the rows and of every draw.

    Args:
        figures: from weights of shape (r, n) to figures by name, each of shape (r, ...).
        unit_of: see `draw_weights`.
        bootstrap: how often to draw.
        progress: called with the number of draws done and of all.
    """
    whole = figures(np.ones((1, len(unit_of))))
    own = {name: np.asarray(values, dtype=np.float64)[0] for name, values in whole.items()}
    parts: dict[Name, list[npt.ArrayLike]] = {name: [] for name in own}
    done = 0
    for weights in draw_weights(unit_of, bootstrap):
        for name, values in figures(weights).items():
            parts[name].append(values)
        done += len(weights)
        if progress:
            progress(done, bootstrap.n_resamples)
    empty = {name: np.empty((0, *values.shape)) for name, values in own.items()}
    drawn = {name: np.concatenate([empty[name], *parts[name]]) for name in own}
    return Sampled(own, drawn)


def percentile_interval(samples: npt.ArrayLike, level: float = LEVEL) -> FloatArray:
    """The middle ``level`` of the samples along the first axis: shape (2, ...), low and high.

    Samples where a figure is undefined (NaN) do not count; where all are, the interval is NaN.

    >>> percentile_interval(range(101), level=0.9).round(6).tolist()
    [5.0, 95.0]
    """
    values = np.asarray(samples, dtype=np.float64)
    columns = values.reshape(len(values), int(np.prod(values.shape[1:])))
    tail = 100 * (1 - level) / 2
    interval = np.full((2, columns.shape[1]), np.nan)
    for j, column in enumerate(columns.T):
        defined = column[np.isfinite(column)]
        if defined.size:
            interval[:, j] = np.percentile(defined, [tail, 100 - tail])
    return interval.reshape(2, *values.shape[1:])


def estimate(
    value: float | FloatArray,
    samples: npt.ArrayLike,
    rule: Rule = Rule.BASIC,
    within: tuple[float, float] = EVERYWHERE,
) -> Estimate:
    """A figure with its 95% interval.

    The basic one runs from 2 value - percentile 97.5 to 2 value - percentile 2.5.

    Args:
        value: the figure itself.
        samples: shape (r,), that of every draw; undefined ones (NaN) do not count.
        rule: how the interval is made.
        within: the least and greatest value the figure can take; the interval is cut to it.

    >>> [round(v, 3) for v in estimate(0.5, np.linspace(0.5, 0.9, 101))]
    [0.5, 0.11, 0.5]
    >>> [round(v, 3) for v in estimate(0.5, np.linspace(0.5, 0.9, 101), Rule.PERCENTILE)]
    [0.5, 0.5, 0.89]
    """
    own = float(value)
    low, high = percentile_interval(samples)
    if rule is Rule.BASIC:
        low, high = 2 * own - high, 2 * own - low
    ends = (np.minimum(own, low), np.maximum(own, high))
    return Estimate(own, *np.clip(ends, *within).tolist())
