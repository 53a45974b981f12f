"""What labels without pictures teach a context model beside geometry."""

from __future__ import annotations

import pytest
import torch

from affekt.errors import ConfigError
from affekt.geometry import GEOMETRY_FEATURES
from affekt.training.context_config import TeacherConfig, parse_context_config
from affekt.training.labels_only.hook import lesson_of
from affekt.training.labels_only.people import LabelledPeople


@pytest.fixture
def labelled() -> LabelledPeople:
    random = torch.Generator().manual_seed(0)
    vad = torch.rand(400, 3, generator=random) * 9 + 1
    happy = (torch.rand(400, 26, generator=random) < vad[:, :1] / 11).float()
    return LabelledPeople(torch.zeros(400, len(GEOMETRY_FEATURES)), happy, vad)


def test_a_lesson_moves_targets_from_a_persons_labels_to_the_teachers(
    labelled: LabelledPeople,
) -> None:
    own, vad = torch.zeros(2, 26), torch.tensor([[1.5, 5, 5], [9.5, 5, 5]])
    full = lesson_of(TeacherConfig(1.0), labelled)
    half = lesson_of(TeacherConfig(0.5), labelled)
    assert full is not None and half is not None
    taught = full.targets(own, vad)
    assert taught.dtype == own.dtype and (taught[1] > taught[0] + 0.4).all()
    assert torch.allclose(half.targets(own, vad), taught / 2)


def test_there_is_no_lesson_unless_asked_for(labelled: LabelledPeople) -> None:
    assert lesson_of(TeacherConfig(0.0), labelled) is None


def test_a_teacher_without_anybody_to_learn_from_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"teacher\.weight: expected 0 where data\.labels_only"):
        parse_context_config(
            {
                "kind": "context",
                "run": {"out": "x"},
                "data": {"manifests": ["m"]},
                "teacher": {"weight": 1.0},
            }
        )
