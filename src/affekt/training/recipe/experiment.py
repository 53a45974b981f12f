"""The tables of hooks around a training: folds, and labels whose pictures are not there."""

from __future__ import annotations

from typing import Annotated

from pydantic.dataclasses import dataclass

from affekt.training.recipe.values import (
    TABLE,
    Amount,
    AtLeastOne,
    Count,
    Flag,
    Names,
    Part,
    Split,
    Whole,
    rule,
)


@dataclass(frozen=True, slots=True, config=TABLE)
class AnnotatorsTable:
    """Whose labels a person's are the union of, each a number of annotators.

    With them, the probabilities are those of ``use`` annotators.

    Attributes:
        train: in the training splits; EMOTIC's is 1.
        val: in the validation splits; EMOTIC's is 5.
        use: where the model will be used.
    """

    train: AtLeastOne
    val: AtLeastOne
    use: AtLeastOne


@dataclass(frozen=True, slots=True, config=TABLE)
class FoldsTable:
    """Cross-training; see `affekt.training.folds`.

    Attributes:
        count: K heads are trained on the training and validation splits, each without its own
            K-th of the pictures; their mean is the model, and what each says of its own K-th
            calibrates and measures it. 0 is as without this table.
        refit: the heads that are then trained on everybody, from different seeds: their mean is
            the model in place of the folds', which only calibrate and measure it.
        calibrate_on: the splits whose people calibrate and set thresholds. In EMOTIC a training
            person has one annotator's labels, a validation person those of five.
        annotators: see `AnnotatorsTable`; with ``calibrate_on`` val alone.
    """

    count: Annotated[Whole, rule("0, or 2 or more", lambda value: value == 0 or value >= 2)]
    refit: Count = 0
    calibrate_on: Annotated[
        tuple[Split, ...], rule("train, val or both", lambda splits: len(splits) > 0)
    ] = ("val",)
    annotators: AnnotatorsTable | None = None


@dataclass(frozen=True, slots=True, config=TABLE)
class LabelsOnlyTable:
    """People without pictures; see `affekt.training.labels_only`.

    Attributes:
        manifests: files or folders written by ``affekt prepare emotic --labels-only``, whose
            training splits teach the head what follows from geometry and from labels alone.
            People whose picture is in ``data.manifests`` are left out.
        ratio: how many of them go with each person of a batch.
        teacher: the share of each category's target that is what the teacher says, 0 to 1; the
            rest is the person's own labels.
        teacher_uses_labels: whether the teacher looks at the other categories beside VAD.
        box_prior: with folds, how much of what they say of the box's place and shape alone is
            added to the logits of the trained heads.
    """

    manifests: Annotated[Names, rule("at least one manifest", lambda paths: len(paths) > 0)]
    ratio: Amount = 1.0
    teacher: Part = 0.0
    teacher_uses_labels: Flag = False
    box_prior: Amount = 0.0
