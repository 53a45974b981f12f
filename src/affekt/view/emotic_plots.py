"""Figures of what a manifest of people holds, drawn from its survey."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.labels import VAD
from affekt.view.library import Axes, Figure
from affekt.view.plots import COLOURS, GREY, lighten, save_figure

if TYPE_CHECKING:
    from affekt.data.survey.survey import Survey


def plot_survey(survey: Survey, folder: str | Path) -> list[Path]:
    """All figures as PNG files in a folder: label counts, pairs, VAD, groups, agreement.

    The figure of the agreement is left out where no person has more than one annotator.

    Returns:
        The files written.

    Raises:
        OutputError: a file cannot be written.
    """
    figures = {
        "labels.png": _labels_figure(survey),
        "together.png": _together_figure(survey),
        "vad.png": _vad_figure(survey),
        "groups.png": _groups_figure(survey),
        "agreement.png": _agreement_figure(survey),
    }
    files: list[Path] = []
    for name, figure in figures.items():
        if figure is not None:
            files.append(Path(folder) / name)
            save_figure(figure, files[-1])
    return files


def _labels_figure(survey: Survey) -> Figure:
    """Share of the people of each split with each category, most frequent in train first."""
    splits = _splits(survey)
    first = survey.labels[splits[0]]
    names = sorted(survey.categories, key=lambda name: -first[name])
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.add_subplot()
    height = 0.8 / len(splits)
    for number, split in enumerate(splits):
        share = [100 * survey.labels[split][name] / survey.people[split] for name in names]
        places = np.arange(len(names)) + number * height - 0.4 + height / 2
        label = f"{split} ({survey.people[split]:,} people)"
        axes.barh(places, share, height, color=COLOURS[number], label=label)
    axes.set_yticks(range(len(names)), [f"{name}  {_total(survey, name):,}" for name in names])
    axes.set(xlabel="people with the category (%)", ylim=(len(names) - 0.5, -0.5))
    axes.set_title("Categories, with the number of people in all splits")
    axes.legend(frameon=False, loc="lower right")
    lighten(axes, "x")
    return figure


def _together_figure(survey: Survey) -> Figure:
    """How often the people with one category also have another."""
    counts = np.array(survey.together, dtype=np.float64)
    own = np.diag(counts)[:, None]
    share = np.divide(counts, own, out=np.zeros_like(counts), where=own > 0)
    np.fill_diagonal(share, np.nan)
    names = list(survey.categories)
    figure = Figure(figsize=(10, 9), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(100 * share, cmap="Blues", vmin=0, vmax=100)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="also has", ylabel="of the people with")
    axes.set_title("Categories that occur together, all splits")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, fraction=0.04, label="people (%)")
    bar.outline.set_visible(False)
    return figure


def _vad_figure(survey: Survey) -> Figure:
    """The distribution of valence, arousal and dominance in each split."""
    splits = _splits(survey)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(VAD), sharey=True), VAD, strict=True):
        for number, split in enumerate(splits):
            own = survey.vad[split][name]
            counts = np.array(own["counts"], dtype=np.float64)
            label = split if own["mean"] is None else f"{split}, mean {own['mean']:.2f}"
            share = 100 * counts / max(counts.sum(), 1)
            axes.plot(range(1, len(counts) + 1), share, "-o", ms=4, color=COLOURS[number],
                      label=label)  # fmt: skip
        axes.set(xlabel=f"{name} (1 to 10)", title=name, xticks=range(1, 11))
        axes.legend(frameon=False, fontsize="small")
        lighten(axes)
    figure.axes[0].set_ylabel("people (%)")
    return figure


def _groups_figure(survey: Survey) -> Figure:
    """Gender, age and source of the people of each split, as stated."""
    splits = _splits(survey)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    pairs = zip(figure.subplots(1, len(survey.groups)), survey.groups.items(), strict=True)
    for axes, (group, counts) in pairs:
        values = list(dict.fromkeys(value for split in splits for value in counts[split]))
        left = np.zeros(len(splits))
        for number, value in enumerate(values):
            own = [counts[s].get(value, 0) / survey.people[s] for s in splits]
            share = 100 * np.array(own)
            colour = COLOURS[number] if number < len(COLOURS) else GREY
            axes.barh(splits, share, left=left, color=colour, label=value)
            left += share
        axes.invert_yaxis()
        axes.set(xlabel="people (%)", title=group, xlim=(0, 100))
        axes.legend(frameon=False, fontsize="small", ncols=2, loc="upper center",
                    bbox_to_anchor=(0.5, -0.2))  # fmt: skip
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _agreement_figure(survey: Survey) -> Figure | None:
    """Fleiss' kappa of each category, best first."""
    rated = [split for split in _splits(survey) if survey.agreement[split]["people"]]
    if not rated:
        return None
    kappas = {split: survey.agreement[split]["kappa"] for split in rated}
    names = sorted(survey.categories, key=lambda name: -(kappas[rated[0]][name] or 0))
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.add_subplot()
    for number, split in enumerate(rated):
        _dots(axes, [kappas[split][name] for name in names], split, COLOURS[number])
    axes.set_yticks(range(len(names)), names)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set(xlabel="Fleiss' kappa (0: chance, 1: all annotators agree)")
    axes.set(title="Agreement between annotators", ylim=(len(names) - 0.5, -0.5))
    axes.legend(frameon=False)
    lighten(axes, "x")
    return figure


def _dots(axes: Axes, values: Sequence[float | None], label: str, colour: str) -> None:
    known = [(value, place) for place, value in enumerate(values) if value is not None]
    x, y = zip(*known, strict=True) if known else ((), ())
    axes.plot(x, y, "o", color=colour, label=label)


def _splits(survey: Survey) -> list[str]:
    """The splits with people, or the first of an empty manifest."""
    return [split for split, count in survey.people.items() if count] or list(survey.people)[:1]


def _total(survey: Survey, name: str) -> int:
    return sum(counts[name] for counts in survey.labels.values())
