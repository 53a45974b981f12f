"""Figures of an evaluation or a training run, as PNG files.

Each figure is made on its own canvas, so neither pyplot nor a display is touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray
from affekt.errors import DataError, OutputError
from affekt.files import write_atomically
from affekt.view.library import Axes, Figure, FigureCanvasAgg, MaxNLocator

DPI = 150
GREY = "#5f6368"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette: told apart with any colour vision."""


def plot_confusion(
    confusion: npt.ArrayLike, labels: Sequence[str], path: str | Path, title: str = ""
) -> None:
    """The confusion matrix: shares of each true class as colour and per cent, with the counts.

    Args:
        confusion: counts of shape (k, k), rows true, columns predicted.
        labels: the k names.
        path: a PNG file.
        title: above the picture.

    Raises:
        DataError: not a square matrix of that many labels.
        OutputError: the file cannot be written.
    """
    counts = np.asarray(confusion)
    k = len(labels)
    if counts.shape != (k, k):
        raise DataError(f"a confusion matrix of shape {counts.shape} for {k} labels: give (k, k)")
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros((k, k)), where=totals > 0)
    figure = Figure(figsize=(2.4 + 0.78 * k, 1.8 + 0.7 * k), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(100 * share, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    _write_cells(axes, counts, share)
    named = [f"{name}\n(n = {total})" for name, total in zip(labels, totals[:, 0], strict=True)]
    axes.set_xticks(range(k), labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(k), named)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted label", ylabel="true label", title=title)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, label="share of the true label (%)")
    bar.outline.set_visible(False)
    save_figure(figure, path)


def plot_reliability(
    bins: Mapping[str, npt.ArrayLike], path: str | Path, *, ece: float, title: str = ""
) -> None:
    """The reliability diagram: accuracy against confidence, and how many faces lie in each bin.

    Args:
        bins: ``count``, ``confidence`` and ``accuracy`` per equal-width bin, as
            `affekt.report.curves.confidence_bins` gives them.
        path: a PNG file.
        ece: the expected calibration error, 0 to 1, written into the figure.
        title: above the picture.

    Raises:
        OutputError: the file cannot be written.
    """
    count, confidence, accuracy = (
        np.asarray(bins[key], dtype=np.float64) for key in ("count", "confidence", "accuracy")
    )
    edges = np.linspace(0, 1, len(count) + 1)
    filled = count > 0
    figure = Figure(figsize=(5, 6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    top.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="perfectly calibrated")
    top.bar(
        edges[:-1][filled], accuracy[filled], 1 / len(count), align="edge",
        color=COLOURS[5], edgecolor="white", label="accuracy in the bin",
    )  # fmt: skip
    top.plot(
        confidence[filled], accuracy[filled], "o", color=COLOURS[1], markersize=4,
        clip_on=False, zorder=3, label="at its mean confidence",
    )  # fmt: skip
    top.text(0.97, 0.05, f"ECE {ece:.3f}", ha="right", transform=top.transAxes,
             bbox={"facecolor": "white", "edgecolor": "none", "boxstyle": "round"})  # fmt: skip
    top.set(ylabel="accuracy (share of faces)", xlim=(0, 1), ylim=(0, 1), title=title)
    top.legend(loc="upper left", frameon=False)
    bottom.bar(
        edges[:-1], 100 * count / max(count.sum(), 1), 1 / len(count), align="edge",
        color=GREY, edgecolor="white",
    )  # fmt: skip
    bottom.set(xlabel="confidence (probability of the predicted label)", ylabel="faces (%)")
    for axes in (top, bottom):
        lighten(axes)
    save_figure(figure, path)


LEARNT = {
    "accuracy": ("accuracy", "-o"),
    "balanced_accuracy": ("balanced accuracy", "--s"),
    "map": ("mean average precision", "-o"),
}
"""The figures of an epoch that are drawn where they are there: what to call them, and how."""


def plot_training(
    records: Sequence[Mapping[str, Any]],
    path: str | Path,
) -> None:
    """The course of a training run: losses, and figures on every validation set, per epoch.

    Args:
        records: one per epoch with ``epoch``, ``train_loss``, ``lr`` and ``val``: a mapping from
            the validation set's name to ``loss`` and figures of `LEARNT`, 0 to 1.
        path: a PNG file.

    Raises:
        DataError: no record.
        OutputError: the file cannot be written.
    """
    if not records:
        raise DataError("no epoch to plot: train for at least one")
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    losses, measured = figure.subplots(1, 2)
    epochs = [record["epoch"] for record in records]
    losses.plot(epochs, [r["train_loss"] for r in records], "-o", color=GREY, ms=3, label="train")
    for number, source in enumerate(_sources(records)):
        line = {"color": COLOURS[number % len(COLOURS)], "markersize": 3}
        losses.plot(*_course(records, source, "loss"), "-o", **line, label=f"{source}, validation")
        for key, (name, style) in LEARNT.items():
            course = _course(records, source, key)
            if course[0]:
                measured.plot(*course, style, **line, label=f"{source}, {name}")
    losses.set(xlabel="epoch", ylabel="loss", title="Loss")
    measured.set(xlabel="epoch", ylabel="%", title="On validation data")
    for axes, place in ((losses, "upper right"), (measured, "lower right")):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if axes.get_lines():
            axes.legend(loc=place, frameon=False, fontsize="small", handlelength=3)
        lighten(axes)
    save_figure(figure, path)


def lighten(axes: Axes, grid: Literal["x", "y"] = "y") -> None:
    """Takes frame and weight off a diagram: two spines less, light grid lines behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis=grid, color="#e3e5e8", linewidth=0.8)
    axes.set_axisbelow(True)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes the whole picture as PNG at once, so that a failure leaves no half of it.

    Raises:
        OutputError: the file cannot be written.
    """
    content = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(content, format="png", dpi=DPI)
    try:
        write_atomically(path, content.getbuffer())
    except OSError as error:
        raise OutputError(f"{path}: the figure cannot be written ({error.strerror})") from None


def _write_cells(axes: Axes, counts: npt.NDArray[Any], share: FloatArray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        part = share[row, column]
        colour = "white" if part > 0.5 else "#202124" if count else "#b0b4b8"
        weight = "bold" if row == column else "normal"
        axes.text(column, row - 0.12, f"{100 * part:.0f}%", ha="center", va="center",
                  color=colour, weight=weight, fontsize=10)  # fmt: skip
        axes.text(column, row + 0.22, f"{count}", ha="center", va="center",
                  color=colour, fontsize=7)  # fmt: skip


def _course(
    records: Sequence[Mapping[str, Any]], source: str, key: str
) -> tuple[list[int], list[float]]:
    """The epochs at which that validation set was measured, and its loss or per cent there."""
    measured = [record for record in records if key in record["val"].get(source, {})]
    factor = 1 if key == "loss" else 100
    return [r["epoch"] for r in measured], [factor * r["val"][source][key] for r in measured]


def _sources(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({source for record in records for source in record["val"]})
