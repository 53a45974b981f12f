"""What an ensemble's report warns of, and the plain values that JSON has of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from affekt.evaluation.ensembles.report import Addition, EnsembleReport, Judged, Member
from affekt.evaluation.figures import PERCENT, Scale
from affekt.heads import Kind

NAN = float("nan")
A = Member("a", "runs/a", False, 0.75, 0.5, 0.25, 1 / 3)
B = Member("b", "runs/b", True, 0.25, 0.375, 0.5, None)
LEFT_OUT = Member("c", "runs/c", False, 0.0, NAN, 0.5, 2.0)
REPORT = EnsembleReport(
    model="all", data="d", split="val", noun="persons", n=40, unit="picture", units=20, labels=26,
    present=25, leaked=2, skipped={"no face": 3}, selected=True,
    chosen_by=Judged("map", Kind.MULTI_LABEL, "mAP", PERCENT, None),
    score=0.625, equal=0.5, held_out=0.5625,
    error_of=Judged("vad_mae", Kind.DIMENSIONAL, "VAD error", Scale(1, 3), (1.0, 10.0)),
    error=2 / 3,
    members=(A, B, LEFT_OUT), steps=(Addition("a", 0.5), Addition("b", 0.625), Addition("a", 0.6)),
    learned=(),
)  # fmt: skip


def test_weights_are_of_those_in_it_and_each_step_says_what_it_adds() -> None:
    assert REPORT.weights == {"a": 0.75, "b": 0.25}
    np.testing.assert_allclose(REPORT.gains, [NAN, 0.125, -0.025])
    assert replace(REPORT, steps=()).gains == []
    assert len(replace(REPORT, steps=REPORT.steps[:1]).gains) == 1


def test_plain_values_name_the_figure_that_was_chosen_by() -> None:
    found = json.loads(json.dumps(REPORT.to_dict(), allow_nan=False))
    assert (found["n"], found["pictures"], found["labels"]) == (40, 20, 25)
    assert (found["leaked"], found["skipped"], found["selected"]) == (2, {"no face": 3}, True)
    assert (found["map"], found["map_equal_weights"], found["map_held_out"], found["vad_mae"]) == (
        0.625, 0.5, 0.5625, 0.666667,
    )  # fmt: skip
    assert found["members"][0] == {
        "name": "a", "bundle": "runs/a", "mirrored": False, "weight": 0.75, "map_alone": 0.5,
        "map_without": 0.25, "vad_mae": 0.333333,
    }  # fmt: skip
    assert "vad_mae" not in found["members"][1] and found["members"][2]["map_alone"] is None
    assert found["steps"] == [
        {"added": "a", "map": 0.5, "gain": None}, {"added": "b", "map": 0.625, "gain": 0.125},
        {"added": "a", "map": 0.6, "gain": -0.025},
    ]  # fmt: skip
    assert found["notes"] == list(REPORT.notes())


@pytest.mark.parametrize("changes", [{"error_of": None}, {"error": None}])
def test_without_dimensions_there_is_no_error(changes: dict[str, None]) -> None:
    found = replace(REPORT, **changes, members=(B,), held_out=None).to_dict()
    assert "vad_mae" not in found and found["map_held_out"] is None
    if "error_of" in changes:
        assert "vad_mae" not in replace(REPORT, **changes).to_dict()["members"][0]


@pytest.mark.parametrize(
    ("held_out", "pays"), [(0.5001, True), (0.5, False), (0.4, False), (None, True)]
)
def test_a_selection_no_better_than_equal_weights_is_said(
    held_out: float | None, pays: bool
) -> None:
    notes = replace(REPORT, held_out=held_out).notes()
    assert len(notes) == (1 if pays else 2)
    if not pays:
        assert "chosen without a person's picture they do no better on that person" in notes[1]
        faces = replace(REPORT, held_out=held_out, noun="faces", unit="row").notes()
        assert "chosen without a face they do no better on that face than" in faces[1]


def test_what_was_fitted_and_trained_on_these_rows_is_said() -> None:
    (note,) = REPORT.notes()
    assert note.startswith("The weights, calibration and thresholds were fitted on these 40 pers")
    chosen, trained = replace(REPORT, selected=False, learned=("a", "c")).notes()
    assert chosen.startswith("The calibration and thresholds were")
    one_label = replace(REPORT.chosen_by, kind=Kind.SINGLE_LABEL)
    (note,) = replace(REPORT, chosen_by=one_label).notes()
    assert note.startswith("The weights and calibration were")
    assert trained.startswith("Trained on this split, as they say: a, c. ")
