"""What labels without pictures teach a model beside geometry."""

from __future__ import annotations

import pytest
import torch

from affekt.data.torch.sample import Sample
from affekt.geometry import GEOMETRY_FEATURES
from affekt.labels import CATEGORIES
from affekt.training.labels_only.hook import lesson_of
from affekt.training.labels_only.people import LabelledPeople, LabelsOnly
from affekt.training.recipe.experiment import LabelsOnlyTable


def table(teacher: float) -> LabelsOnlyTable:
    return LabelsOnlyTable(("labels",), teacher=teacher)


@pytest.fixture
def labelled() -> LabelledPeople:
    random = torch.Generator().manual_seed(0)
    vad = torch.rand(400, 3, generator=random) * 9 + 1
    happy = (torch.rand(400, 26, generator=random) < vad[:, :1] / 11).float()
    geometry = torch.ones(400, len(GEOMETRY_FEATURES))
    return LabelledPeople(geometry, {"categories": happy, "vad": vad})


def test_a_lesson_moves_targets_from_a_persons_labels_to_the_teachers(
    labelled: LabelledPeople,
) -> None:
    own, vad = torch.zeros(2, 26), torch.tensor([[1.5, 5, 5], [9.5, 5, 5]])
    full, half = (lesson_of(table(share), labelled, CATEGORIES) for share in (1.0, 0.5))
    assert full is not None and half is not None
    taught = full.targets(own, vad)
    assert taught.dtype == own.dtype and (taught[1] > taught[0] + 0.4).all()
    assert torch.allclose(half.targets(own, vad), taught / 2)


def test_there_is_no_lesson_unless_asked_for(labelled: LabelledPeople) -> None:
    assert lesson_of(table(0.0), labelled, CATEGORIES) is None


def test_people_without_pictures_come_after_those_of_the_batch(labelled: LabelledPeople) -> None:
    present = {name: torch.ones(2, dtype=torch.bool) for name in ("body", "geometry")}
    targets = {"categories": torch.zeros(2, 26), "vad": torch.full((2, 3), 5.0)}
    inputs = {"body": torch.ones(2, 1, 3, 4, 4, dtype=torch.uint8), "geometry": torch.zeros(2, 13)}
    places = torch.arange(2)
    sample = Sample(inputs, present, targets, places, places)
    joined = LabelsOnly(labelled, 1.5).join(sample, (1, 2))
    assert len(joined.place) == 5
    assert torch.equal(joined.inputs["body"][:2], inputs["body"])
    assert not joined.inputs["body"][2:].any() and joined.inputs["geometry"][2:].all()
    assert joined.present["body"].tolist() == [True, True, False, False, False]
    assert joined.present["geometry"].all()
    again = LabelsOnly(labelled, 1.5).join(sample, (1, 2))
    assert torch.equal(joined.targets["vad"], again.targets["vad"])
    assert LabelsOnly(labelled, 0.0).join(sample, (1,)).targets is targets
