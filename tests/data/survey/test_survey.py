"""What the survey counts, against counts by hand; agreement against scikit-learn and by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.row import Vote
from affekt.data.sets.emotic import rows as emotic_rows
from affekt.data.sets.emotic.prepare import prepare_emotic
from affekt.data.survey.agreement import VoteTally, fleiss_kappa
from affekt.data.survey.survey import Survey, survey_people
from affekt.labels import CATEGORIES
from affekt.results import Face
from affekt.view.emotic_plots import plot_survey
from fakes.rows import PEOPLE, person_row


@pytest.fixture
def survey(tiny_emotic: Path) -> Survey:
    out = tiny_emotic.parent / "out"
    prepare_emotic(tiny_emotic, out, detect=lambda image: [Face((15.0, 8.0, 30.0, 25.0), 0.9)])
    return survey_people(Manifest.open(out))


def test_rows_in_use_and_out_of_use_are_counted(survey: Survey) -> None:
    assert survey.people == {"train": 7, "val": 3, "test": 2}
    assert survey.pictures == {"train": 4, "val": 2, "test": 2}
    assert survey.excluded[emotic_rows.MISSING] == {"train": 1, "val": 0, "test": 0}
    assert sum(sum(counts.values()) for counts in survey.excluded.values()) == 7
    assert survey.leaks == {
        emotic_rows.SAME_PERSON: {"train": 0, "val": 1, "test": 0},
        emotic_rows.SAME_PICTURE: {"train": 0, "val": 1, "test": 0},
    }
    assert survey.small_boxes == {"train": 2, "val": 0, "test": 0}
    assert survey.put_right[emotic_rows.SWAPPED_COUNT] == 2


def test_labels_and_pairs_are_counted_over_rows_in_use(survey: Survey) -> None:
    assert survey.labels["train"]["Engagement"] == 1
    assert survey.labels["train"]["Peace"] == 2  # the copy and the boxes out of use do not count
    assert survey.labels["val"] | {"Engagement": 1, "Fear": 1} == survey.labels["val"]
    together = np.array(survey.together)
    place = {name: number for number, name in enumerate(CATEGORIES)}
    assert together[place["Engagement"], place["Happiness"]] == 1
    assert together[place["Surprise"], place["Fear"]] == 1
    assert np.array_equal(together, together.T)
    totals = [sum(survey.labels[split][name] for split in survey.labels) for name in CATEGORIES]
    assert np.diag(together).tolist() == totals
    assert survey.labels_per_person["train"] == pytest.approx(8 / 7)


def test_vad_groups_and_people_are_counted(survey: Survey) -> None:
    valence = survey.vad["train"]["valence"]
    assert (valence["n"], valence["mean"], valence["sd"]) == (5, 5.0, 0.0)
    assert valence["counts"] == [0, 0, 0, 0, 5, 0, 0, 0, 0, 0]
    assert survey.groups["gender"]["train"] == {"Male": 7}
    assert survey.groups["source"]["val"] == {"mscoco": 2, "framesdb": 1}
    assert survey.people_per_picture["train"] == {"1": 1, "2": 2, "5": 1}


def test_agreement_is_taken_from_people_with_several_annotators(survey: Survey) -> None:
    assert survey.agreement["train"]["people"] == 0
    assert survey.agreement["train"]["mean_kappa"] is None
    own = survey.agreement["val"]
    assert (own["people"], own["annotators"]) == (3, pytest.approx(11 / 3))
    assert own["kappa"]["Happiness"] == 1.0
    assert own["kappa"]["Anger"] is None  # nobody marks it
    assert own["vad_spread"]["valence"] == pytest.approx(
        np.mean([np.std([5, 6, 5], ddof=1)] * 2 + [np.std([5, 6, 5, 6, 5], ddof=1)])
    )


def test_text_and_json_hold_it_all(survey: Survey) -> None:
    text = survey.to_text()
    for words in ("left out: missing picture", "Doubt/Confusion", "dominance", "Fleiss' kappa"):
        assert words in text
    read = json.loads(json.dumps(survey.to_dict(), allow_nan=False))
    assert read["people"] == survey.people
    assert read["together"] == survey.together


def test_every_figure_is_drawn(survey: Survey, tmp_path: Path) -> None:
    files = plot_survey(survey, tmp_path)
    assert [file.name for file in files] == [
        "labels.png", "together.png", "vad.png", "groups.png", "agreement.png",
    ]  # fmt: skip
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_one_split_without_votes_or_vad_is_surveyed_too(tmp_path: Path) -> None:
    row = person_row("a#0", "Peace", split="test")
    write_manifest(
        tmp_path, [row, replace(row, id="b#0", exclude="a reason")], labels=PEOPLE, root="", note={}
    )
    survey = survey_people(Manifest.open(tmp_path))
    assert survey.people == {"train": 0, "val": 0, "test": 1}
    assert survey.vad["test"]["arousal"]["mean"] is None
    assert "no person has more than one annotator" in survey.to_text()
    assert [file.name for file in plot_survey(survey, tmp_path)] == [
        "labels.png", "together.png", "vad.png", "groups.png",
    ]  # fmt: skip


def test_fleiss_kappa_of_three_raters_by_hand() -> None:
    """People with 3, 2, 0 and 1 of 3 votes: observed 2/3, chance 1/2."""
    assert fleiss_kappa([3, 2, 0, 1], [3, 3, 3, 3]) == pytest.approx((2 / 3 - 0.5) / 0.5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=20))
def test_fleiss_kappa_of_two_raters_is_scotts_pi(votes: list[tuple[bool, bool]]) -> None:
    """Cohen's kappa is Scott's pi once each pair of votes stands in both orders."""
    kappa = fleiss_kappa([sum(pair) for pair in votes], [2] * len(votes))
    first = [int(a) for a, b in votes] + [int(b) for a, b in votes]
    second = [int(b) for a, b in votes] + [int(a) for a, b in votes]
    if len(set(first)) == 1:
        assert kappa is None
    else:
        assert kappa == pytest.approx(cohen_kappa_score(first, second))


def test_people_with_one_annotator_say_nothing_about_agreement() -> None:
    tally = VoteTally()
    tally.add([Vote(("Peace",), (5.0, 5.0, 5.0))])
    tally.add([])
    assert tally.to_dict()["people"] == 0
