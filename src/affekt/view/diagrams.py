"""Figures of an evaluation, as SVG to be put into a page.

Text and axes take the colour of the page's text, so that a figure can be read on a light and on a
dark page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import NamedTuple

import numpy as np

from affekt.arrays import FloatArray
from affekt.view.library import Axes, Figure, mpl

INK = "#010203"
"""Drawn with this, written as the page's own colour."""

BLUE, ORANGE, GREEN, PINK = "#3b8fd0", "#e07b27", "#1a9e77", "#cc79a7"
"""After Okabe and Ito: told apart with any colour vision, on white and on black."""

DPI = 120
"""Of grids of colours; all else is lines."""

MARKERS = ("|", "d", "x", "+")
COLUMNS = 5
"""Small figures side by side."""

Points = tuple[FloatArray, FloatArray]


class Bars(NamedTuple):
    """A figure of each label, all in per cent.

    Attributes:
        value: shape (k,), NaN where undefined.
        low: shape (k,), of the interval.
        high: shape (k,), of the interval.
        beside: floors and others' figures by name, each of shape (k,).
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    beside: Mapping[str, FloatArray]


def plot_bars(labels: Sequence[str], bars: Bars, title: str, name: str) -> str:
    """A bar per label with its interval, and marks for what it is to be read against.

    Args:
        labels: k of them; drawn from the best to the worst.
        bars: their figures.
        title: of the figure.
        name: tells the drawings of one page apart.
    """
    order = np.argsort(-np.nan_to_num(bars.value, nan=-1), kind="stable")
    places = np.arange(len(order))
    figure, axes = _figure(8, 0.9 + 0.27 * len(order))
    value = bars.value[order]
    axes.barh(places, value, 0.62, color=BLUE, label="this model, with 95% interval")
    reach = np.clip([value - bars.low[order], bars.high[order] - value], 0, None)
    axes.errorbar(value, places, xerr=reach, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    for number, (floor, figures) in enumerate(bars.beside.items()):
        colour = (ORANGE, GREEN, PINK, INK)[number % 4]
        marker = MARKERS[number % len(MARKERS)]
        size = 10 if marker == "|" else 5
        axes.plot(figures[order], places, marker, color=colour, ms=size, mew=1.8, label=floor)
    axes.set_yticks(places, [labels[i] for i in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel(title)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, labelcolor=INK)
    return _svg(figure, name)


def plot_precision_recall(
    labels: Sequence[str], curves: Sequence[Points | None], shares: FloatArray, name: str
) -> str:
    """A small precision-recall curve per label, over the share of rows that have it."""
    figure, every = _grid(len(labels), "recall", "precision")
    for axes, label, curve, share in zip(every, labels, curves, shares, strict=True):
        axes.axhline(share, color=ORANGE, linewidth=1, linestyle="--")
        if curve is not None:
            axes.plot(*curve, color=BLUE, linewidth=1.4)
        else:
            axes.text(0.5, 0.5, "nobody has it", ha="center", color=INK, fontsize=9)
        axes.set_title(label, color=INK, fontsize=10)
    return _svg(figure, name)


def plot_reliability_curves(
    labels: Sequence[str], curves: Sequence[Points], errors: FloatArray, share: str, name: str
) -> str:
    """A small reliability curve per label, with its expected calibration error.

    Args:
        labels: k of them.
        curves: mean probability and share of each.
        errors: shape (k,).
        share: what the share is of.
        name: tells the drawings of one page apart.
    """
    figure, every = _grid(len(labels), "mean probability in the bin", share)
    for axes, label, curve, error in zip(every, labels, curves, errors, strict=True):
        axes.plot([0, 1], [0, 1], "--", color=ORANGE, linewidth=1)
        axes.plot(*curve, "o-", color=BLUE, linewidth=1.2, markersize=3)
        axes.set_title(f"{label}  {error:.3f}", color=INK, fontsize=10)
    return _svg(figure, name)


def plot_shares(labels: Sequence[str], shares: FloatArray, title: str, name: str) -> str:
    """Of what has the row's label, the share with the column's, as a grid of colours.

    Args:
        labels: k of them.
        shares: shape (k, k), 0 to 1, NaN where undefined.
        title: of the scale of colours.
        name: tells the drawings of one page apart.
    """
    k = len(labels)
    side = min(7.2, 1.6 + 0.5 * k)
    figure, axes = _figure(side + 0.4, side)
    image = axes.pcolormesh(
        100 * np.ma.masked_invalid(shares), cmap="viridis", vmin=0, vmax=100, rasterized=True
    )
    middles = np.arange(k) + 0.5
    axes.set_xticks(middles, labels, rotation=90)
    axes.set_yticks(middles, labels)
    axes.set_ylim(k, 0)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.04)
    bar.set_label(title, color=INK)
    bar.ax.tick_params(colors=INK)
    bar.outline.set_visible(False)
    return _svg(figure, name)


def plot_dimensions(
    labels: Sequence[str],
    truth: FloatArray,
    values: FloatArray,
    bounds: tuple[float, float],
    name: str,
) -> str:
    """How many rows lie where, true against predicted, for each dimension.

    Args:
        labels: the d dimensions.
        truth: shape (n, d), NaN where unknown.
        values: shape (n, d).
        bounds: lowest and highest value shown.
        name: tells the drawings of one page apart.
    """
    figure = Figure(figsize=(0.5 + 3 * len(labels), 3.4), layout="constrained")
    edges = np.linspace(*bounds, 28)
    panels = figure.subplots(1, len(labels), squeeze=False)[0]
    for axes, label, x, y in zip(panels, labels, truth.T, values.T, strict=True):
        known = np.isfinite(x)
        counts, _, _ = np.histogram2d(x[known], y[known], bins=(edges, edges))
        shown = np.ma.masked_equal(counts.T, 0)
        axes.pcolormesh(edges, edges, shown, cmap="viridis", rasterized=True)
        axes.plot(bounds, bounds, "--", color=ORANGE, linewidth=1)
        axes.set(xlim=bounds, ylim=bounds, aspect="equal")
        _ink(axes)
        axes.set_title(label, color=INK, fontsize=11)
        axes.set_xlabel("true")
        axes.set_ylabel("predicted")
    return _svg(figure, name)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    _ink(axes)
    axes.grid(visible=True, axis="x", color="#8a8f98", alpha=0.3, linewidth=0.8)
    return figure, axes


def _grid(count: int, x_label: str, y_label: str) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` small squares from 0 to 1, ticks along the left and lower edge only."""
    rows = math.ceil(count / COLUMNS)
    width, height = 9.5, 1.9 * rows + 0.5
    figure = Figure(figsize=(width, height))  # laid out by hand: the solver takes seconds
    every = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)  # shared axes take seconds
    edges = (0.6 / width, 0.55 / height, 1 - 0.1 / width, 1 - 0.25 / height)
    figure.subplots_adjust(*edges, wspace=0.1, hspace=0.3)
    figure.supxlabel(x_label, y=0.05 / height, va="bottom", color=INK)
    figure.supylabel(y_label, x=0.05 / width, ha="left", color=INK)
    for place, axes in enumerate(every[:count]):
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.grid(visible=True, color="#8a8f98", alpha=0.3, linewidth=0.8)
        _ink(axes)
        axes.tick_params(labelleft=place % COLUMNS == 0, labelbottom=place + COLUMNS >= count)
    for axes in every[count:]:
        axes.set_visible(False)
    return figure, every[:count]


def _ink(axes: Axes) -> None:
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)


def _svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element whose ids no other figure of the page has."""
    text = StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": name}):
        figure.savefig(text, format="svg", dpi=DPI, transparent=True, metadata={"Date": None})
    content = text.getvalue()
    content = content[content.index("<svg") :].replace(INK, "currentColor")
    return re.sub(r'( id="|"#|url\(#)', rf"\g<1>{name}-", content)
