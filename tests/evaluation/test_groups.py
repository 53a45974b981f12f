"""Figures by group, and which gaps are said aloud, for every kind of head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from affekt.evaluation.groups import (
    MIN_ROWS,
    MIN_SUPPORT,
    Gap,
    find_gaps,
    measure_groups,
    warnings_of,
)
from affekt.evaluation.metrics.multi_label import average_precision, jaccard
from affekt.evaluation.metrics.single_label import balanced_accuracy, confusion_matrix
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.resampling import Bootstrap, Estimate
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people, with_predicted

DRAWS = Bootstrap(150)


def gaps(said):
    return find_gaps(measure_groups(said, DRAWS), said.outputs)


def test_a_groups_figures_are_those_of_its_members():
    said = said_of_people(150)
    female, male, _ = measure_groups(said, DRAWS)
    members = np.array([value == "Female" for value in said.groups["gender"]])
    assert (female.value, female.n) == ("Female", int(members.sum()))
    assert female.labels["categories"] == 25
    part = said.outputs["categories"].part(members)
    ap = mean_over_labels(average_precision(part.truth, part.predicted))
    assert female.figures["map"].value == pytest.approx(ap)
    assert female.figures["jaccard"].value == pytest.approx(jaccard(part.truth, part.labelled))
    assert female.figures["map"].low <= ap <= female.figures["map"].high
    assert male.n == 50  # persons of unknown gender are in no group


def test_faces_have_groups_too():
    said = said_of_faces(150)
    a, b = measure_groups(said, DRAWS)
    members = np.array(said.groups["source"]) == "a"
    part = said.outputs["primary"].part(members)
    counts = confusion_matrix(part.predicted, part.truth)
    assert a.figures["balanced_accuracy"].value == pytest.approx(balanced_accuracy(counts))
    assert {*a.figures} == {"accuracy", "balanced_accuracy", "nll"} and a.n + b.n == 150


def test_a_gap_is_said_only_where_it_exceeds_its_interval():
    said = said_of_people(240, skill=0.2)
    sides = tuple("ab"[i // 2 % 2] for i in range(240))
    said = replace(said, groups={"side": sides})
    assert warnings_of(gaps(said)) == []
    worse = said.outputs["categories"].predicted.copy()
    worse[np.array(sides) == "b"] = np.random.default_rng(5).random((120, 26))
    found = gaps(with_predicted(said, "categories", predicted=worse))
    exceeding = {gap.figure for gap in found if gap.exceeds}
    assert {"above_chance", "jaccard"} <= exceeding and "vad_mae" not in exceeding
    lines = warnings_of(found)
    assert lines[0].startswith("side: mAP above chance of a is 0.")
    assert "above that of b" in lines[0]
    assert "of 3 gaps exceed their 95% interval; about 0.2 would by chance" in lines[-1]
    assert found[-1].title == "VAD error"


def test_a_worse_source_of_faces_is_said():
    said = said_of_faces(240, skill=3)
    output = said.outputs["primary"]
    shuffled = np.where(np.array(said.sources)[:, None] == "b", 1 / 7, output.predicted)
    found = gaps(with_predicted(said, "primary", predicted=shuffled))
    assert [gap.figure for gap in found] == ["balanced_accuracy", "nll"]
    assert all(gap.exceeds for gap in found)
    assert found[0].sentence().startswith("source: balanced accuracy of a is 0.")


def test_a_gap_in_a_mean_is_over_labels_that_both_groups_have():
    said = said_of_fruit(200, skill=2)
    output = said.outputs["fruit"]
    odd = np.arange(200) % 2 == 1
    truth = np.where(odd & (output.truth == 0), 1, output.truth)  # no apple at stall b
    said = with_predicted(said, "fruit", truth=truth)
    found = {gap.figure: gap.difference.value for gap in gaps(said)}
    recalls = []
    for members in (~odd, odd):
        part = output.part(members & output.known)
        own = truth[members & output.known]
        guess = part.predicted.argmax(axis=1)
        recalls.append([(guess[own == label] == label).mean() for label in (1, 2)])
    expected = np.mean(recalls[0]) - np.mean(recalls[1])
    assert found["balanced_accuracy"] == pytest.approx(expected)


def test_small_groups_are_shown_but_not_compared():
    few = tuple("few" if i < MIN_ROWS - 1 else "many" for i in range(120))
    results = measure_groups(replace(said_of_people(), groups={"size": few}), DRAWS)
    assert [result.value for result in results] == ["few", "many"]
    assert find_gaps(results, said_of_people().outputs) == []


def test_a_model_without_thresholds_has_no_jaccard():
    said = replace(said_of_people(60, threshold=None), groups={"all": ("x",) * 60})
    result = measure_groups(said, Bootstrap(5))[0]
    assert np.isnan(result.figures["jaccard"].value) and result.figures["map"].value > 0


@pytest.mark.parametrize(
    ("low", "high", "exceeds"),
    [(0.01, 0.2, True), (0.0, 0.2, False), (-0.1, 0.1, False), (-0.2, 0.0, False),
     (-0.2, -0.01, True), (np.nan, np.nan, False)],
)  # fmt: skip
def test_a_gap_exceeds_where_its_interval_leaves_out_0(low, high, exceeds):
    gap = Gap("age", "Kid", "Adult", "mae", "error", Estimate((low + high) / 2, low, high))
    assert gap.exceeds == exceeds


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Estimate(0.05, 0.02, 0.08), "0.050 above that of Adult (95% interval 0.020 to 0.080)"),
        (Estimate(-0.05, -0.08, -0.02), "0.050 below that of Adult (95% interval 0.020 to 0.080)"),
    ],
)
def test_a_gap_in_words(difference, words):
    gap = Gap("age", "Kid", "Adult", "mae", "error", difference)
    assert gap.sentence() == f"age: error of Kid is {words}"
    assert warnings_of([gap] * 3 + [replace(gap, difference=Estimate(0, -1, 1))])[-1] == (
        "3 of 4 gaps exceed their 95% interval; about 0.2 would by chance alone"
    )


@pytest.mark.parametrize(("small", "compared"), [(MIN_ROWS, True), (MIN_ROWS - 1, False)])
def test_groups_are_compared_from_so_many_rows_on(small, compared):
    sides = tuple("few" if i < small else "many" for i in range(120))
    said = replace(said_of_people(), groups={"side": sides})
    assert bool(find_gaps(measure_groups(said, Bootstrap(3)), said.outputs)) == compared


@pytest.mark.parametrize(("support", "shared"), [(MIN_SUPPORT, True), (MIN_SUPPORT - 1, False)])
def test_a_label_is_compared_where_both_groups_have_it_often_enough(support, shared):
    said = said_of_fruit(200)
    output = said.outputs["fruit"]
    odd = np.arange(200) % 2 == 1
    truth = np.where(odd & (output.truth == 0), 1, output.truth)
    truth[np.flatnonzero(odd & output.known)[:support]] = 0  # apples at stall b
    said = with_predicted(said, "fruit", truth=truth)
    found = {gap.figure: gap.difference.value for gap in find_gaps(
        measure_groups(said, Bootstrap(3)), said.outputs
    )}  # fmt: skip
    recalls = []
    for members in (~odd, odd):
        guess = output.predicted[members & output.known].argmax(axis=1)
        own = truth[members & output.known]
        labels = (0, 1, 2) if shared else (1, 2)
        recalls.append(np.mean([(guess[own == label] == label).mean() for label in labels]))
    assert found["balanced_accuracy"] == pytest.approx(recalls[0] - recalls[1])
