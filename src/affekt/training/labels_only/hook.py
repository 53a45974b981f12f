"""The hook of a recipe that names labels without pictures."""

from __future__ import annotations

from affekt.data.manifests.manifest import Manifest
from affekt.heads import CATEGORIES_HEAD, VAD_HEAD
from affekt.training.labels_only.people import LabelledPeople, LabelsOnly, Lesson, read_labelled
from affekt.training.labels_only.teacher import fit_teacher
from affekt.training.recipe.experiment import LabelsOnlyTable
from affekt.training.recipe.recipe import Recipe


def labels_only(recipe: Recipe) -> LabelsOnly | None:
    """What a recipe's table ``labels_only`` asks for, None where there is none.

    Raises:
        DataError: a manifest that cannot be used, nobody left, or a category that none of them
            has.
    """
    table = recipe.labels_only
    if table is None:
        return None
    pictured = [Manifest.open(path) for path in recipe.data.manifests]
    labels = [Manifest.open(path) for path in table.manifests]
    labelled = read_labelled(labels, pictured, recipe.labels)
    return LabelsOnly(
        labelled, table.ratio, lesson_of(table, labelled, recipe.labels[CATEGORIES_HEAD])
    )


def lesson_of(
    table: LabelsOnlyTable, labelled: LabelledPeople, labels: tuple[str, ...]
) -> Lesson | None:
    """What people without pictures teach, where the recipe asks for it.

    Raises:
        DataError: a category that none of them has.
    """
    if not table.teacher:
        return None
    categories, vad = (labelled.targets[head].numpy() for head in (CATEGORIES_HEAD, VAD_HEAD))
    teacher = fit_teacher(categories, vad, labels, use_labels=table.teacher_uses_labels)
    return Lesson(teacher, table.teacher)
