"""The card that travels with a model: what it is, what it was made from, how good, what for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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
from affekt.heads import Kind
from affekt.typed import shown

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


def face_card(info: BundleInfo) -> str:
    """The card of a face model as Markdown."""
    uses = f"{USES.strip()}\n\n{FACE_LIMITS}"
    parts = [f"# {info.name}", _summary(info), uses, _training(info), _figures(info.metrics)]
    return _joined(parts)


def context_card(info: BundleInfo) -> str:
    """The card of a context model as Markdown."""
    parts = [
        f"# {info.name}",
        _summary(info),
        f"{USES.strip()}\n\n{CONTEXT_LIMITS}",
        _context_training(info),
        _cross_validated(info.training.get("cross_validated")),
        *(_context_figures(name, figures) for name, figures in info.metrics.items()),
    ]
    return _joined(parts)


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


def _training(info: BundleInfo) -> str:
    training = info.training
    export = training.get("export", {})
    lines = [
        "## How it was made",
        f"- first weights: {training.get('start')}",
        f"- epoch: {training.get('epoch')} (counted from 0), weights averaged over the steps",
        f"- export: {export.get('precision')}, prior strength {export.get('prior')}"
        + (f" of {export['prior_manifest']}" if export.get("prior_manifest") else "")
        + (", mean of the face and its mirror image" if export.get("mirror") else ""),
        f"- temperature fitted on validation faces: {_counts(export.get('calibrated_on', {}))}",
        *_recipe(training),
    ]
    return "\n".join(lines)


def _recipe(training: Mapping[str, Any]) -> list[str]:
    return ["- recipe:", "```json", json.dumps(training.get("config", {}), indent=1), "```"]


def _context_training(info: BundleInfo) -> str:
    training, export = info.training, info.training.get("export", {})
    encoders = [_encoder(name, of) for name, of in training.get("encoders", {}).items()]
    chosen = (
        [f"- epoch: {training['epoch']} (counted from 0), weights averaged over the steps"]
        if "epoch" in training
        else [f"- heads: {training.get('heads')}, their mean is the model"]
    )
    lines = [
        "## How it was made",
        *encoders,
        *chosen,
        f"- export: encoders {export.get('precision')}, head {export.get('head_precision')}",
        f"- calibration fitted on: {_counts(export.get('calibrated_on', {}))}",
        *_recipe(training),
    ]
    return "\n".join(lines)


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


def _context_figures(name: str, figures: Mapping[str, Any]) -> str:
    lines = [
        f"## {name}: {figures['split']}, n = {figures['n']}",
        "Intervals: bootstrap by picture, 95%.",
        "",
        "| figure | value | 95% interval |",
        "|---|---|---|",
    ]
    for key in ("map", "map_official", "jaccard", "f1", "ece", "ece_mean"):
        if figures.get(key) is not None:
            interval = _interval(figures.get(f"{key}_ci95"))
            lines.append(f"| {key} | {figures[key]:.4f} | {interval} |")
    for key in ("vad_mae", "vad_ccc"):
        for dimension, value in (figures.get(key) or {}).items():
            interval = _interval((figures.get(f"{key}_ci95") or {}).get(dimension))
            lines.append(f"| {key} {dimension} | {value:.4f} | {interval} |")
    for label, value in (figures.get("ap") or {}).items():
        if value is not None:
            interval = _interval((figures.get("ap_ci95") or {}).get(label))
            lines.append(f"| AP of {label} | {value:.4f} | {interval} |")
    return "\n".join(lines)


def check_figures(metrics: Mapping[str, Any], *, context: bool) -> None:
    """Refuses figures that no card can hold, before anything else is done.

    Args:
        metrics: by the name of their data.
        context: whether they are of people, not of faces.

    Raises:
        UsageError: they are not what ``affekt evaluate`` writes for such a model.
    """
    for name, figures in metrics.items():
        try:
            _context_figures(name, figures) if context else _evaluation(name, figures)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            kind = "people" if context else "faces"
            raise UsageError(
                f"--figures {name}: not the JSON of affekt evaluate for {kind} "
                f"({type(error).__name__}: {shown(str(error))})"
            ) from None


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def _figures(metrics: Mapping[str, Any]) -> str:
    return "\n\n".join(_evaluation(name, figures) for name, figures in metrics.items())


def _evaluation(name: str, figures: Mapping[str, Any]) -> str:
    lines = [
        f"## {name}: {figures['split']}, n = {figures['n']}",
        f"Protocol: {figures['protocol']}. Intervals: bootstrap, 95%.",
        "",
        "| figure | value | 95% interval |",
        "|---|---|---|",
    ]
    for key in ("accuracy", "balanced_accuracy", "ece"):
        lines.append(f"| {key} | {figures[key]:.4f} | {_interval(figures[f'{key}_ci95'])} |")
    for label, values in figures["per_class"].items():
        if values["recall"] is not None:
            text = f"{values['recall']:.4f} | {_interval(values['recall_ci95'])}"
            lines.append(f"| recall of {label} (n = {values['support']}) | {text} |")
    return "\n".join(lines)


def _interval(bounds: list[float] | None) -> str:
    return "" if bounds is None else f"{bounds[0]:.4f} to {bounds[1]:.4f}"
