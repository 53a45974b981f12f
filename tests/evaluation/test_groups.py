"""Figures by group, and which gaps are said aloud."""

from dataclasses import replace

import numpy as np
import pytest

from affekt.evaluation.groups import MIN_PERSONS, gaps, group_figures, warnings_of
from affekt.evaluation.metrics.multi_label import average_precision, jaccard
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.people_figures import ScoredPeople

LIMITS = np.full(26, 0.5)


def figures(predictions, groups, **changes):
    people = replace(predictions.people(LIMITS), **changes)
    return group_figures(people, groups, predictions.pictures, n_resamples=150)


def test_a_groups_figures_are_those_of_its_members(make_predictions):
    said = make_predictions(150)
    female, male = figures(said, {"gender": said.groups["gender"]})
    members = np.array([value == "Female" for value in said.groups["gender"]])
    assert (female.value, female.n, female.categories) == ("Female", int(members.sum()), 25)
    truth, p = said.truth[members], said.probabilities[members]
    ap = mean_over_labels(average_precision(truth, p))
    assert female.figures["map"].value == pytest.approx(ap)
    assert female.figures["jaccard"].value == pytest.approx(jaccard(truth, p >= 0.5))
    assert female.figures["map"].low <= ap <= female.figures["map"].high
    assert male.n == 50  # persons of unknown gender are in no group


def test_a_gap_is_said_only_where_it_exceeds_its_interval(make_predictions):
    said = make_predictions(240, skill=0.2)
    sides = tuple("ab"[i // 2 % 2] for i in range(240))
    assert warnings_of(gaps(figures(said, {"side": sides}))) == []
    worse = said.probabilities.copy()
    worse[np.array(sides) == "b"] = np.random.default_rng(5).random((120, 26))
    found = gaps(figures(said, {"side": sides}, probabilities=worse))
    exceeding = {gap.figure for gap in found if gap.exceeds}
    assert {"above_chance", "jaccard"} <= exceeding and "vad_mae" not in exceeding
    lines = warnings_of(found)
    assert lines[0].startswith("side: mAP above chance of a is 0.")
    assert "above that of b" in lines[0]
    assert "of 3 gaps exceed their 95% interval; about 0.2 would by chance" in lines[-1]


def test_small_groups_are_shown_but_not_compared(make_predictions):
    said = make_predictions(120)
    few = tuple("few" if i < MIN_PERSONS - 1 else "many" for i in range(120))
    results = figures(said, {"size": few})
    assert [result.value for result in results] == ["few", "many"]
    assert gaps(results) == []


def test_people_without_thresholds_have_no_jaccard(make_predictions):
    said = make_predictions(60)
    people = ScoredPeople(said.truth, said.probabilities, said.vad_truth, said.vad)
    result = group_figures(people, {"all": ("x",) * 60}, said.pictures, n_resamples=5)[0]
    assert np.isnan(result.figures["jaccard"].value) and result.figures["map"].value > 0
