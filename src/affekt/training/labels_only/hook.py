"""The hook of a recipe that names labels without pictures."""

from __future__ import annotations

from affekt.data.manifests.manifest import Manifest
from affekt.training.context_config import ContextConfig, TeacherConfig
from affekt.training.labels_only.people import (
    LabelledPeople,
    LabelsOnly,
    Lesson,
    read_labelled,
)
from affekt.training.labels_only.teacher import fit_teacher


def labels_only(config: ContextConfig) -> LabelsOnly | None:
    """What ``data.labels_only`` and ``teacher`` ask for, None where nothing is.

    Raises:
        DataError: a manifest that cannot be used, nobody left, or a category that none of them
            has.
    """
    if not config.data.labels_only:
        return None
    pictured = [Manifest.open(path) for path in config.data.manifests]
    labelled = read_labelled([Manifest.open(p) for p in config.data.labels_only], pictured)
    return LabelsOnly(labelled, config.data.labels_only_ratio, lesson_of(config.teacher, labelled))


def lesson_of(config: TeacherConfig, labelled: LabelledPeople) -> Lesson | None:
    """What people without pictures teach, where the recipe asks for it.

    Raises:
        DataError: a category that none of them has.
    """
    if not config.weight:
        return None
    categories, vad = labelled.categories.numpy(), labelled.vad.numpy()
    return Lesson(fit_teacher(categories, vad, use_labels=config.use_labels), config.weight)
