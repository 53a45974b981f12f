"""What each candidate adds, whatever kind of head it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import recall_score

from affekt.bundle import Bundle, BundleInfo
from affekt.errors import DataError
from affekt.evaluation.ensembles.candidates import Candidate
from affekt.evaluation.ensembles.judging import judge_candidates
from affekt.evaluation.predictions import Predictions
from affekt.report.markdown import to_markdown
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people, with_predicted


def candidates(count: int) -> list[Candidate]:
    info = BundleInfo("m", {}, {}, licence="")
    return [Candidate(f"m{i}", Bundle(Path(f"m{i}"), info)) for i in range(count)]


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    present = np.unique(truth)
    return float(recall_score(truth, predicted.argmax(axis=1), labels=present, average="macro"))


def judged(said: list[Predictions], *, select: bool = True):
    return judge_candidates(candidates(len(said)), said, name="all", data="d", select=select)


@pytest.mark.parametrize("make", [said_of_people, said_of_faces, said_of_fruit])
def test_selection_is_never_below_the_best_on_its_own_rows(make) -> None:
    report = judged([make(skill=0.4, seed=seed) for seed in range(3)])
    assert report.score >= max(member.alone for member in report.members) - 1e-12
    assert report.score == pytest.approx(report.steps[-1].score)
    assert sum(report.weights.values()) == pytest.approx(1)
    assert report.held_out <= report.score


def test_faces_are_chosen_by_balanced_accuracy() -> None:
    said = [said_of_faces(seed=seed) for seed in range(3)]
    report = judged(said, select=False)
    assert list(report.weights.values()) == [1 / 3] * 3
    members = np.arange(120) > 0  # training has seen the first
    outputs = [own.outputs["primary"].part(members) for own in said]
    for member, output in zip(report.members, outputs, strict=True):
        expected = balanced_accuracy(output.truth, output.predicted)
        assert member.alone == pytest.approx(expected) and member.error is None
    mean = np.mean([output.predicted for output in outputs], axis=0)
    expected = balanced_accuracy(outputs[0].truth, mean)
    assert report.score == report.equal == pytest.approx(expected)
    content = report.to_dict()
    assert content["balanced_accuracy"] == pytest.approx(expected, abs=1e-6)
    assert (content["n"], content["subjects"], content["leaked"]) == (119, 40, 1)
    assert content["members"][0].keys() >= {"balanced_accuracy_alone"}
    text = to_markdown(report)
    assert "119 faces in 40 subjects of d" in text and "| balanced accuracy alone |" in text
    assert "over the 6 of 7" in text and "error" not in text


def test_values_of_the_mean_have_an_error_of_their_own() -> None:
    said = [said_of_people(seed=seed) for seed in range(2)]
    report = judged(said, select=False)
    vad = [own.outputs["vad"] for own in said]
    error = np.abs((vad[0].predicted + vad[1].predicted) / 2 - vad[0].truth)
    assert report.error == pytest.approx(np.nanmean(error, axis=0).mean())
    assert report.error < min(member.error for member in report.members)
    assert report.to_dict()["vad_mae"] == pytest.approx(report.error, abs=1e-6)
    assert "VAD error on the 1 to 10 scale" in to_markdown(report)


def test_dimensions_alone_are_chosen_by_concordance() -> None:
    said = []
    for seed in range(2):
        own = said_of_fruit(seed=seed)
        said.append(Predictions(own.split, own.ids, own.sources, {"scale": own.outputs["scale"]}))
    report = judged(said)
    assert report.chosen_by.key == "scale_ccc" and report.score > 0.8


def test_rows_without_any_label_choose_nothing() -> None:
    said = said_of_people(20)
    empty = with_predicted(said, "categories", truth=np.zeros((20, 26), dtype=bool))
    with pytest.raises(DataError, match="none has a label"):
        judged([empty, empty])
