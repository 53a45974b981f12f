"""What every head says of its rows, whatever its kind."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.errors import DataError
from affekt.evaluation.predictions import UNKNOWN, Output
from affekt.heads import Kind
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people

EVEN = np.full((3, 2), 0.5)


def single(truth: list[int]) -> Output:
    return Output(Kind.SINGLE_LABEL, ("a", "b"), np.array(truth), EVEN)


def test_rows_of_unknown_class_have_no_target_and_no_support() -> None:
    output = single([1, UNKNOWN, 1])
    assert output.known.tolist() == [True, False, True]
    assert output.support.tolist() == [0, 2]
    np.testing.assert_array_equal(output.targets, [[0, 1], [np.nan, np.nan], [0, 1]])


def test_support_counts_labels_and_known_values() -> None:
    truth = np.array([[True, False], [True, True], [False, False]])
    assert Output(Kind.MULTI_LABEL, ("a", "b"), truth, EVEN).support.tolist() == [2, 1]
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [0.0, 4.0]])
    output = Output(Kind.DIMENSIONAL, ("a", "b"), values, EVEN)
    assert output.support.tolist() == [2, 1] and output.known.tolist() == [True, False, True]


@pytest.mark.parametrize("threshold", [0.5, 0.51, None])
def test_a_probability_at_the_threshold_gives_the_label(threshold: float | None) -> None:
    truth = np.zeros((3, 2), dtype=bool)
    limits = None if threshold is None else np.full(2, threshold)
    labelled = Output(Kind.MULTI_LABEL, ("a", "b"), truth, EVEN, limits).labelled
    assert labelled is None if threshold is None else (labelled == (threshold == 0.5)).all()


@pytest.mark.parametrize(
    ("kind", "truth", "predicted", "message"),
    [
        (Kind.SINGLE_LABEL, [[0, 1]] * 3, EVEN, r"give \(3, 2\) and \(3,\)"),
        (Kind.MULTI_LABEL, [0, 1, 1], EVEN, r"give \(3, 2\) and \(3, 2\)"),
        (Kind.DIMENSIONAL, EVEN, EVEN[:, :1], r"2 labels with predictions of shape \(3, 1\)"),
        (Kind.DIMENSIONAL, EVEN, np.where([[0], [1], [0]], np.nan, EVEN), "row 1 is predicted"),
        (Kind.SINGLE_LABEL, [0, 1, 1], EVEN * np.inf, "row 0 is predicted"),
    ],
)
def test_what_does_not_fit_is_refused(
    kind: Kind, truth: object, predicted: np.ndarray, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Output(kind, ("a", "b"), np.array(truth), predicted)


@pytest.mark.parametrize("said", [said_of_people(12), said_of_faces(12), said_of_fruit(12)])
def test_a_part_is_of_the_same_rows_throughout(said) -> None:
    members = np.arange(12) % 3 == 1
    part = said.part(members)
    assert len(part) == 4 and part.ids == said.ids[1::3]
    for name, output in part.outputs.items():
        np.testing.assert_array_equal(output.predicted, said.outputs[name].predicted[1::3])
        np.testing.assert_array_equal(output.truth, said.outputs[name].truth[1::3])
    assert part.groups == {name: own[1::3] for name, own in said.groups.items()}
    if said.units is not None:
        assert part.units == said.units[1::3]
    for name in ("geometry", "has_face", "leaked"):
        own = getattr(said, name)
        np.testing.assert_array_equal(getattr(part, name), None if own is None else own[1::3])


def test_rows_are_drawn_by_their_unit() -> None:
    assert said_of_people(6).unit_of.tolist() == [0, 0, 1, 1, 2, 2]
    assert said_of_fruit(3).unit_of.tolist() == [0, 1, 2]
    assert said_of_faces(6).seen == 1 and said_of_fruit(3).seen == 0


@pytest.mark.parametrize("kind", [*Kind])
def test_the_heads_of_a_kind_are_told_by_name(kind: Kind) -> None:
    said = said_of_fruit(3)
    assert said.heads(kind) == {n: own for n, own in said.outputs.items() if own.kind == kind}
    assert len(said.heads(kind)) == 1
    faces = said_of_faces(6)
    expected = faces.outputs if kind is Kind.SINGLE_LABEL else {}
    assert faces.heads(kind) == expected
