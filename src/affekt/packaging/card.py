"""The card that travels with a model: what it is, what it was made from, how good, what for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from affekt.bundle import (
    BundleInfo,
    Dimensional,
    MultiLabel,
    OutputSpec,
    SingleLabel,
    StreamSpec,
)
from affekt.errors import UsageError
from affekt.heads import CATEGORIES_HEAD, Kind
from affekt.typed import shown

Shown = tuple[str, float, list[float] | None]
"""A figure's name, its value and the bounds of its interval."""

USES = """\
## Intended use

Research, and software whose users know that pictures of faces are read and agreed to it: the
apparent emotion in photos, for search, accessibility, art or the study of expression. The output
says how a face would be labelled by people who see only that picture, not what somebody feels.

## Prohibited use

Decisions about people (hiring, grading, policing, credit, insurance, border control), inferring
emotions of people at work or in education, covert reading of people, and any claim to detect lies,
intentions or mental states. In the European Union parts of this are forbidden by law (AI Act,
Art. 5(1)(f)), and people must be told where such a system is used (Art. 50(3)).

## Limits

"""

FACE_LIMITS = """\
Labels are the opinions of raters, mostly about posed or press pictures; cultures, ages and skin
tones are not balanced and were not recorded, so no figures by group can be given. Faces smaller
than about 32 pixels, seen from the side, or hidden in part are read with less certainty.
"""

CONTEXT_LIMITS = """\
Labels are the opinions of one to five annotators per person, who often disagree; rare categories
have few examples, so their probabilities are rough and their figures wide. The scene weighs
in: the same person can be read otherwise in another place, and habits of the annotators about
gender, age and place are in the labels. Look at the figures by group before relying on them.
"""


def card_of(info: BundleInfo) -> str:
    """The card of a model as Markdown, for any inputs and heads."""
    parts = [
        f"# {info.name}",
        _summary(info),
        f"{USES.strip()}\n\n{limits_of(info)}",
        _training(info),
        _cross_validated(info.training.get("cross_validated")),
        *(_figures(name, figures) for name, figures in info.metrics.items()),
    ]
    return _joined(parts)


def limits_of(info: BundleInfo) -> str:
    """What labels and inputs like these cannot tell."""
    return CONTEXT_LIMITS if CATEGORIES_HEAD in info.outputs else FACE_LIMITS


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _summary(info: BundleInfo) -> str:
    """What the model takes and says, for any inputs and heads."""
    needs = "".join(f" Needs the bundle {name!r}." for name in info.needs)
    return "\n".join(
        [
            f"Apparent emotion of the people in a picture: {', '.join(info.heads)}.{needs}",
            "",
            *(f"- takes {name}: {_input(spec)}" for name, spec in info.streams.items()),
            *(f"- takes {name}" for name in info.inputs if name not in info.streams),
            *(f"- says {name} ({head.kind}): {_head(head)}" for name, head in info.outputs.items()),
            *(f"- says {name}: what the bundle {of!r} says" for name, of in info.borrowed.items()),
            "",
            f"Licence of the weights: {info.licence}",
        ]
    )


def _input(spec: StreamSpec) -> str:
    return (
        f"{spec.size} x {spec.size} pixels, crop rule {spec.crop}"
        + (f", encoder {spec.encoder}" if spec.encoder else "")
        + (", the person blanked" if spec.blank_person else "")
    )


def _head(head: OutputSpec) -> str:
    return _HEADS[head.kind](head)


def _single_label(head: SingleLabel) -> str:
    return f"{', '.join(head.labels)}; calibrated with temperature {head.temperature}"


def _multi_label(head: MultiLabel) -> str:
    calibrated = " calibrated" if head.platt else ""
    thresholds = " and a threshold" if head.thresholds else ""
    return f"{', '.join(head.labels)}; each with a{calibrated} probability{thresholds}"


def _dimensional(head: Dimensional) -> str:
    low, high = head.range
    return f"{', '.join(head.labels)} from {low:g} to {high:g}"


_HEADS: dict[str, Callable[[Any], str]] = {
    Kind.SINGLE_LABEL: _single_label,
    Kind.MULTI_LABEL: _multi_label,
    Kind.DIMENSIONAL: _dimensional,
}


def _recipe(training: Mapping[str, Any]) -> list[str]:
    return ["- recipe:", "```json", json.dumps(training.get("config", {}), indent=1), "```"]


def _training(info: BundleInfo) -> str:
    training, export = info.training, info.training.get("export", {})
    chosen = (
        f"- epoch: {training['epoch']} (counted from 0), weights averaged over the steps"
        if "epoch" in training
        else f"- heads: {training.get('heads')}, their mean is the model"
    )
    lines = [
        "## How it was made",
        *(_encoder(name, of) for name, of in training.get("encoders", {}).items()),
        chosen,
        f"- export: {', '.join(_exported(export))}",
        *(f"- {head} fitted on: {_counts(on)}" for head, on in _fitted_on(export)),
        *_recipe(training),
    ]
    return "\n".join(lines)


def _exported(export: Mapping[str, Any]) -> Iterator[str]:
    yield f"what takes crops {export.get('precision')}"
    yield f"what comes after {export.get('head_precision')}"
    if export.get("prior"):
        yield f"prior strength {export['prior']} of {export.get('prior_manifest')}"
    if export.get("mirror"):
        yield "mean of the crop and its mirror image"


def _fitted_on(export: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, int]]]:
    for head, on in export.get("calibrated_on", {}).items():
        yield head, on if isinstance(on, Mapping) else {head: on}


def _encoder(name: str, made: Mapping[str, Any]) -> str:
    if made["backbone"] == name:
        return f"- encoder {name}: as it is, SHA-256 {made['weights']}"
    weights, train = made["weights"], made["train"]
    return f"- encoder {name}: {made['backbone']}, first weights {weights}, trained: {train}"


def _cross_validated(splits: Mapping[str, Mapping[str, Any]] | None) -> str:
    if splits is None:
        return ""
    lines = [
        "## Cross-validated",
        "Each person by the head that never saw their picture, by the split of the data set.",
        "",
        "| split | figure | value |",
        "|---|---|---|",
    ]
    for split, figures in splits.items():
        for name, value in figures.items():
            if isinstance(value, float):
                lines.append(f"| {split}, n = {figures['n']} | {name} | {value:.4f} |")
    return "\n".join(lines)


def check_figures(metrics: Mapping[str, Any]) -> None:
    """Refuses figures that no card can hold, before anything else is done.

    Args:
        metrics: by the name of their data.

    Raises:
        UsageError: they are not what ``affekt evaluate`` writes.
    """
    for name, figures in metrics.items():
        try:
            _figures(name, figures)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise UsageError(
                f"--figures {name}: not the JSON of affekt evaluate "
                f"({type(error).__name__}: {shown(str(error))})"
            ) from None


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def _figures(name: str, figures: Mapping[str, Any]) -> str:
    """A table of measured figures, of whichever heads they are."""
    rows = [*_labelled(figures), *_of_people(figures)]
    if not rows:
        raise ValueError("it has no figure that a card shows")
    return "\n".join(
        [
            f"## {name}: {figures['split']}, n = {figures['n']}",
            (f"Protocol: {figures['protocol']}. " if "protocol" in figures else "")
            + "Intervals: bootstrap, 95%.",
            "",
            "| figure | value | 95% interval |",
            "|---|---|---|",
            *(f"| {key} | {value:.4f} | {_interval(bounds)} |" for key, value, bounds in rows),
        ]
    )


def _labelled(figures: Mapping[str, Any]) -> Iterator[Shown]:
    """Of single labels."""
    for key in ("accuracy", "balanced_accuracy"):
        if figures.get(key) is not None:
            yield key, figures[key], figures[f"{key}_ci95"]
    for label, values in (figures.get("per_class") or {}).items():
        if values["recall"] is not None:
            name = f"recall of {label} (n = {values['support']})"
            yield name, values["recall"], values["recall_ci95"]


def _of_people(figures: Mapping[str, Any]) -> Iterator[Shown]:
    """Of categories, of dimensions, and of any probabilities."""
    for key in ("map", "map_official", "jaccard", "f1", "ece", "ece_mean"):
        if figures.get(key) is not None:
            yield key, figures[key], figures.get(f"{key}_ci95")
    for key in ("vad_mae", "vad_ccc"):
        for dimension, value in (figures.get(key) or {}).items():
            yield f"{key} {dimension}", value, (figures.get(f"{key}_ci95") or {}).get(dimension)
    for label, value in (figures.get("ap") or {}).items():
        if value is not None:
            yield f"AP of {label}", value, (figures.get("ap_ci95") or {}).get(label)


def _interval(bounds: list[float] | None) -> str:
    return "" if bounds is None else f"{bounds[0]:.4f} to {bounds[1]:.4f}"
