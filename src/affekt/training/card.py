"""The card that travels with a model: what it is, what it was made from, how good, what for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from affekt.bundle import BundleInfo

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

Labels are the opinions of raters, mostly about posed or press pictures; cultures, ages and skin
tones are not balanced and were not recorded, so no figures by group can be given. Faces smaller
than about 32 pixels, seen from the side, or hidden in part are read with less certainty.
"""


def face_card(info: BundleInfo) -> str:
    """The card of a face model as Markdown."""
    parts = [f"# {info.name}", _summary(info), USES, _training(info), _figures(info.metrics)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _summary(info: BundleInfo) -> str:
    size = info.streams["face"].size
    return (
        f"Apparent emotion of a face crop of {size} x {size} pixels: {', '.join(info.labels)}. "
        f"Probabilities are calibrated with temperature {info.temperature}.\n\n"
        f"Licence of the weights: {info.licence}"
    )


def _training(info: BundleInfo) -> str:
    training = info.training
    export = training.get("export", {})
    lines = [
        "## How it was made",
        f"- first weights: {training.get('start')}",
        f"- epoch: {training.get('epoch')} (counted from 0), weights averaged over the steps",
        f"- export: {export.get('precision')}, prior strength {export.get('prior')}"
        + (f" of {export['prior_manifest']}" if export.get("prior_manifest") else ""),
        f"- temperature fitted on validation faces: {_counts(export.get('calibrated_on', {}))}",
        "- recipe:",
        "```json",
        json.dumps(training.get("config", {}), indent=1),
        "```",
    ]
    return "\n".join(lines)


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
