"""What must be said of figures in words: of how many rows, over which labels, how sure."""

from __future__ import annotations

import numpy as np

from affekt.evaluation.evaluation import Evaluation
from affekt.evaluation.figures import CHANCE, Use, entries
from affekt.evaluation.floors import PREVALENCE
from affekt.evaluation.predictions import ROW, Predictions
from affekt.evaluation.resampling import Bootstrap, Rule
from affekt.heads import Kind


def counts_sentence(said: Predictions) -> str:
    """How many rows, in how many units, how many of them with a face."""
    within = "" if said.unit == ROW else f" in {int(said.unit_of.max()) + 1} {said.unit}s"
    faces = "" if said.has_face is None else f", {int(said.has_face.sum())} of them with a face"
    return f"{len(said)} {said.noun}{within}{faces}."


def draws_text(said: Predictions, bootstrap: Bootstrap) -> str:
    """What was drawn, and how often."""
    unit = said.noun.removesuffix("s") if said.unit == ROW else said.unit
    return f"by {unit}, {bootstrap.n_resamples} resamples"


def intervals_sentence(said: Predictions, bootstrap: Bootstrap) -> str:
    """How intervals were made: what was drawn, and by which rule for which figures."""
    chosen = entries(said.outputs, Use.EVALUATION)
    basic = dict.fromkeys(e.figure.title for e in chosen if e.figure.rule is Rule.BASIC)
    drawn = f"Intervals: bootstrap 95% {draws_text(said, bootstrap)}"
    if not basic:
        return f"{drawn}, percentile."
    return f"{drawn}. Basic: {'; '.join(basic)}. All others: percentile."


def over_sentence(said: Predictions) -> str:
    """Over how many labels the means are, and which are left out."""
    return " ".join(
        _over(said, head, output.kind)
        for head, output in said.outputs.items()
        if output.kind is not Kind.DIMENSIONAL
    )


def chance_sentence(evaluation: Evaluation) -> str:
    """What chance means here, and how far it lies above the share of positives."""
    share = evaluation.floors.get(PREVALENCE)
    heads = [*evaluation.predictions.heads(Kind.MULTI_LABEL)]
    if share is None or not heads or CHANCE not in evaluation.floors:
        return ""
    return (
        f"Chance is the expected figure of a random order of these {evaluation.predictions.noun}; "
        "the mean share of positives, which it comes to in a large set, is "
        f"{100 * float(np.mean([own.value for own in share.figures.values()])):.1f}%."
    )


def _over(said: Predictions, head: str, kind: Kind) -> str:
    output = said.outputs[head]
    pairs = zip(output.labels, output.support.tolist(), strict=True)
    missing = [label for label, count in pairs if not count]
    k, named = len(output.labels), ", ".join(missing)
    if kind is Kind.MULTI_LABEL:
        if not missing:
            return f"Means are over all {k} categories."
        return (
            f"Means of AP and F1 are over {k - len(missing)} of {k} categories: "
            f"nobody here has {named}."
        )
    if not missing:
        return ""
    return f"Balanced accuracy is over {k - len(missing)} of {k} labels: none here is {named}."
