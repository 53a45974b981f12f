"""An evaluation of people as one HTML page that needs nothing else: no script, no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from affekt import __version__
from affekt.errors import OutputError
from affekt.evaluation import curves, published
from affekt.evaluation.gallery import Choice
from affekt.evaluation.groups import warnings_of
from affekt.evaluation.people_report import ContextEvaluation
from affekt.evaluation.people_tables import (
    categories_table,
    figures_table,
    groups_table,
    vad_table,
)
from affekt.evaluation.report import Estimate, skipped_line
from affekt.evaluation.tables import Table
from affekt.files import write_atomically
from affekt.labels import CATEGORIES, VAD
from affekt.view import people_plots

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")

LABELS_SHOWN = 5
"""Probabilities listed under each person of the gallery."""


def evaluation_page(
    evaluation: ContextEvaluation,
    gallery: Sequence[Choice] = (),
    pictures: Mapping[str, str] | None = None,
) -> str:
    """The page as HTML.

    Args:
        evaluation: what is shown.
        gallery: persons to show, see `affekt.evaluation.gallery.choose`.
        pictures: of those persons by id, as ``data:`` addresses.
    """
    said = evaluation.predictions
    title = f"{evaluation.model} on {Path(evaluation.data).name}, {said.split}"
    sections = [
        _head(evaluation, title),
        _section("Figures", figures_table(evaluation).html(), _figures_note(evaluation)),
        _section("Valence, arousal, dominance", vad_table(evaluation).html(), _vad(evaluation)),
        _section("Average precision by category", _bars(evaluation), _bars_note(evaluation),
                 categories_table(evaluation).html()),
        _section("Published figures", _published(evaluation)),
        _section("Precision and recall", _precision_recall(evaluation)),
        _section("Calibration", _reliability(evaluation)),
        _section("Which categories come together", _cooccurrence(evaluation)),
        _section("Groups", _groups(evaluation)),
        *(_section(choice.title, _gallery(evaluation, choice, pictures or {}))
          for choice in gallery),
        _foot(evaluation),
    ]  # fmt: skip
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(sections)
        + "\n</main></body></html>\n"
    )


def write_page(path: str | Path, page: str) -> None:
    """Writes a page whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        write_atomically(Path(path), page.encode())
    except OSError as error:
        raise OutputError(f"{path}: the page cannot be written ({error.strerror})") from None


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(filter(None, parts)) + "</section>"


def _paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def _figure(svg: str, caption: str) -> str:
    return (
        f'<figure><div class="wide">{svg}</div><figcaption>{escape(caption)}</figcaption></figure>'
    )


def _head(evaluation: ContextEvaluation, title: str) -> str:
    said = evaluation.predictions
    lines = [
        f"{evaluation.n} persons in {len(set(said.pictures))} pictures; a face is known of "
        f"{said.faces}. {evaluation.over_sentence()}",
        "What is measured is agreement with annotators about apparent emotion: how people look "
        "to others in one picture, not what they feel.",
    ]
    if said.skipped:
        lines.append(skipped_line(said.skipped))
    text = "".join(map(_paragraph, lines))
    return f"<h1>{escape(title)}</h1>\n{text}" + "".join(map(_warning, _short(evaluation)))


def _short(evaluation: ContextEvaluation) -> list[str]:
    """The warnings, gaps between groups as one line: the section on groups lists them."""
    lines = warnings_of(evaluation.gaps)
    own = [line for line in evaluation.warnings if line not in lines]
    return [*own, f"{lines[-1]}: see Groups"] if lines else own


def _warning(line: str) -> str:
    return _paragraph(f"{line}.", "warning")


def _figures_note(evaluation: ContextEvaluation) -> str:
    return _paragraph(
        f"Intervals: basic bootstrap by picture, 95%, {evaluation.bootstrap['n_resamples']} "
        f"resamples. {evaluation.chance_sentence()} Geometry "
        "only is a model, fitted on the training persons, that sees where each box lies, how "
        "large it is and how many people there are, and no pixel. The official code's average "
        "precision has eleven recall levels and comes out higher: compare like with like."
    )


def _vad(evaluation: ContextEvaluation) -> str:
    said = evaluation.predictions
    return _figure(
        people_plots.plot_vad(said.vad_truth, said.vad),
        "Persons by true and predicted value, lighter for more; a perfect model lies on the line.",
    )


def _bars(evaluation: ContextEvaluation) -> str:
    estimates, floors = evaluation.figures.per_category["ap"], evaluation.floors
    beside = {"chance": 100 * floors.chance}
    if floors.geometry is not None:
        beside["geometry only"] = _values(floors.geometry.per_category["ap"])
    if evaluation.predictions.labels == CATEGORIES:
        mark = "" if _comparable(evaluation) else ", not comparable"
        name = f"Kosti 2020, body and scene{mark}"
        beside[name] = np.array([published.KOSTI_AP[label] for label in CATEGORIES])
    value, low, high = (
        100 * np.array([getattr(e, key) for e in estimates]) for key in ("value", "low", "high")
    )
    bars = people_plots.Bars(value, low, high, beside)
    return _figure(
        people_plots.plot_average_precision(evaluation.predictions.labels, bars),
        "Average precision by scikit-learn's definition, best first.",
    )


def _values(estimates: Sequence[Estimate]) -> people_plots.Floats:
    return 100 * np.array([estimate.value for estimate in estimates])


def _comparable(evaluation: ContextEvaluation) -> bool:
    return published.comparable(evaluation.predictions.split, evaluation.n)


def _bars_note(evaluation: ContextEvaluation) -> str:
    if not evaluation.without_positives:
        return ""
    return _paragraph(f"Nobody here has {', '.join(evaluation.without_positives)}.")


def _published(evaluation: ContextEvaluation) -> str:
    whole = _comparable(evaluation)
    note = (
        "These were measured on EMOTIC's whole test split, as here. Few of the papers say by "
        "which definition of average precision; the official code's is the higher."
        if whole
        else "Not comparable: these were measured on the whole test split of EMOTIC "
        f"({published.FULL_TEST_PERSONS} persons or more), not on the {evaluation.n} persons "
        f"of split {evaluation.predictions.split!r} here."
    )
    rows = [[name, f"{value:.2f}"] for name, value in published.PUBLISHED_MAP.items()]
    title = "mAP (%)" if whole else "mAP (%), not comparable"
    kind = "" if whole else "warning"
    return _paragraph(note, kind) + Table(["work", title], rows).html()


def _precision_recall(evaluation: ContextEvaluation) -> str:
    said = evaluation.predictions
    lines = [
        curves.precision_recall(said.truth[:, j], said.probabilities[:, j])
        for j in range(len(said.labels))
    ]
    shares = evaluation.floors.prevalence
    return _figure(
        people_plots.plot_precision_recall(said.labels, lines, shares),
        "Precision over recall; the dashed line is the share of persons with the category.",
    )


def _reliability(evaluation: ContextEvaluation) -> str:
    said = evaluation.predictions
    lines = [
        curves.reliability_curve(said.truth[:, j], said.probabilities[:, j])
        for j in range(len(said.labels))
    ]
    errors = np.array([e.value for e in evaluation.figures.per_category["ece"]])
    return _figure(
        people_plots.plot_reliability_curves(said.labels, lines, errors),
        "Share with the category over the probability given, with each category's expected "
        "calibration error; on the dashed line, probabilities are honest.",
    )


def _cooccurrence(evaluation: ContextEvaluation) -> str:
    said = evaluation.predictions
    true = _figure(
        people_plots.plot_cooccurrence(said.labels, curves.cooccurrence(said.truth), "true"),
        "As annotated.",
    )
    labelled = said.people(evaluation.thresholds).labelled
    if labelled is None:
        return true + _paragraph("The model has no thresholds, so it gives no label sets.")
    return true + _figure(
        people_plots.plot_cooccurrence(said.labels, curves.cooccurrence(labelled), "predicted"),
        "As predicted, with the model's thresholds.",
    )


def _groups(evaluation: ContextEvaluation) -> str:
    if not evaluation.groups:
        return _paragraph("The manifest states no gender, age or source.")
    note = _paragraph(
        "Groups as the data set's annotators saw them. mAP is over the categories that somebody "
        "in the group has, so it is not comparable between groups; what lies above chance is. "
        "A gap is listed where its interval leaves out 0."
    )
    found = "".join(map(_warning, warnings_of(evaluation.gaps)))
    return groups_table(evaluation.groups).html() + note + found


def _gallery(evaluation: ContextEvaluation, choice: Choice, pictures: Mapping[str, str]) -> str:
    cards = [
        _card(evaluation, place, value, pictures)
        for place, value in zip(choice.places, choice.values, strict=True)
    ]
    return _paragraph(choice.rule) + f'<div class="gallery">{"".join(cards)}</div>'


def _card(
    evaluation: ContextEvaluation, place: int, value: float, pictures: Mapping[str, str]
) -> str:
    said = evaluation.predictions
    truth = {label for label, has in zip(said.labels, said.truth[place], strict=True) if has}
    best = np.argsort(-said.probabilities[place], kind="stable")[:LABELS_SHOWN]
    shown = [
        f"<li>{'<b>' if said.labels[j] in truth else ''}{escape(said.labels[j])}"
        f"{'</b>' if said.labels[j] in truth else ''} {said.probabilities[place, j]:.2f}</li>"
        for j in best
    ]
    identity = said.ids[place]
    image = f'<img src="{pictures[identity]}" alt="">' if identity in pictures else ""
    return (
        f'<article>{image}<p class="id">{escape(identity)}, {value:.3f}</p>'
        f"<p>True: {escape(', '.join(sorted(truth)) or 'nothing')}</p>"
        f"<ul>{''.join(shown)}</ul><p>{_vad_text(said.vad[place], said.vad_truth[place])}</p>"
        "</article>"
    )


def _vad_text(values: people_plots.Floats, truth: people_plots.Floats) -> str:
    parts = [
        f"{name} {value:.1f} (true {'unknown' if np.isnan(own) else f'{own:.1f}'})"
        for name, value, own in zip(VAD, values, truth, strict=True)
    ]
    return escape(", ".join(parts).capitalize())


def _foot(evaluation: ContextEvaluation) -> str:
    return _paragraph(f"{evaluation.data}. Made by affekt {__version__}.", "foot")
