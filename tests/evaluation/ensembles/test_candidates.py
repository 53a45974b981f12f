"""Candidates: one reading of the pictures gives what each would say alone, mirrored ones too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.bundle import Bundle
from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.row import Row
from affekt.errors import BundleError, DataError, UsageError
from affekt.evaluation.ensembles.candidates import (
    ask_candidates,
    learned_from,
    mirror,
    name_candidates,
    unseen,
)
from affekt.evaluation.ensembles.judging import judge_candidates
from affekt.evaluation.reading import predict
from affekt.evaluation.reading.predict import predict_rows
from affekt.inference.read.model import Model
from affekt.inference.read.views import People
from affekt.media import ImageRgb
from affekt.report.markdown import to_markdown
from affekt.results import BoxXyxy, Face
from fakes.rows import PEOPLE

WriteContext = Callable[..., Bundle]
WritePeople = Callable[..., Manifest]

COUNTS = {"train": (1,), "val": (2, 1, 3, 1, 2)}


@pytest.fixture(scope="module")
def three(write_context: WriteContext, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    folder = tmp_path_factory.mktemp("three")
    return [write_context(folder / name, seed=seed) for seed, name in enumerate("abc")]


@pytest.fixture(scope="module")
def drawn(write_drawn_people: WritePeople, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Nine people to tune on, the last of whom training has seen."""
    folder = tmp_path_factory.mktemp("drawn")
    rows = list(write_drawn_people(folder, COUNTS).rows())
    rows[-1] = replace(rows[-1], leak="same box in train")
    write_manifest(folder, rows, labels=PEOPLE, root=".", note={})
    return Manifest.open(folder)


def test_names_are_folders_and_none_is_taken_twice(three: list[Bundle]) -> None:
    odd = replace(three[1].info, name="../a model")
    bundles = [three[0], Bundle(three[1].folder, odd), three[2]]
    found = name_candidates(bundles, mirrored=True)
    assert [candidate.mirrored for candidate in found] == [False] * 3 + [True] * 3
    assert [candidate.name for candidate in found] == [
        "tiny-context-1",
        "a-model",
        "tiny-context-2",
        "tiny-context-1-mirrored",
        "a-model-mirrored",
        "tiny-context-2-mirrored",
    ]
    flips = [{spec.flip for spec in candidate.bundle.info.streams.values()} for candidate in found]
    assert flips == [{False}] * 3 + [{True}] * 3


def test_a_model_that_sees_no_pixels_has_no_mirrored_twin(
    write_context: WriteContext, tmp_path: Path
) -> None:
    blind = write_context(tmp_path / "a", takes={"geometry": 13}, needs={}, encoders={})
    assert len(name_candidates([blind], mirrored=True)) == 1


def test_each_says_what_it_says_alone(
    three: list[Bundle], drawn: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = predict.read_row_picture

    def spy(manifest: Manifest, row: Row) -> ImageRgb:
        read.append(row.id)
        return real(manifest, row)

    monkeypatch.setattr(predict, "read_row_picture", spy)
    candidates = name_candidates(three)
    said = ask_candidates(candidates, drawn, threads=1)
    assert len(read) == 5  # pictures, not pictures times candidates
    assert [(own.seen, len(own), own.split) for own in said] == [(1, 9, "val")] * 3
    assert [(own.seen, len(own)) for own in unseen(said)] == [(0, 8)] * 3
    for bundle, own in zip(three, said, strict=True):
        alone = predict_rows(Model(bundle, threads=1), drawn, "val")
        assert (own.ids, own.units) == (alone.ids, alone.units)
        for name, output in alone.outputs.items():
            found = own.outputs[name]
            np.testing.assert_allclose(found.predicted, output.predicted, atol=1e-5)
            np.testing.assert_array_equal(found.truth, output.truth)


def test_a_mirrored_model_says_what_the_model_says_of_the_mirrored_picture(
    three: list[Bundle],
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (62, 80, 3), dtype=np.uint8)
    boxes: list[BoxXyxy] = [(5.0, 8.0, 40.0, 58.0), (42.0, 4.0, 76.0, 60.0)]
    eyes = ((12.0, 16.0), (28.0, 20.0), (20.0, 26.0), (12.0, 34.0), (26.0, 36.0))
    face = Face((10.0, 10.0, 30.0, 36.0), 0.9, eyes)
    turned = tuple((80 - eyes[i][0], eyes[i][1]) for i in (1, 0, 2, 4, 3))
    there = Face((50.0, 10.0, 70.0, 36.0), 0.9, turned)

    plain, other = Model(three[0], 1), Model(mirror(three[0]), 1)
    flipped: list[BoxXyxy] = [(80 - x2, y1, 80 - x1, y2) for x1, y1, x2, y2 in boxes]
    expected = plain.run([plain.take(People(image[:, ::-1].copy(), flipped, [there, None]))])
    found = other.run([other.take(People(image, boxes, [face, None]))])
    for head, within in (("categories", 0.01), ("vad", 0.05)):
        np.testing.assert_allclose(found.values[head], expected.values[head], atol=within)
    unlike = plain.run([plain.take(People(image, boxes, [face, None]))])
    assert np.abs(found.values["categories"] - unlike.values["categories"]).max() > 0.05


def test_the_report_says_who_adds_what(three: list[Bundle], drawn: Manifest) -> None:
    candidates = name_candidates(three, mirrored=True)
    said = ask_candidates(candidates, drawn, threads=1)
    report = judge_candidates(candidates, said, name="all", data="drawn", select=True)
    assert (report.n, report.units, report.present, report.leaked) == (8, 5, 5, 1)
    assert sum(report.weights.values()) == pytest.approx(1)
    assert report.score >= max(member.alone for member in report.members)
    assert report.score == pytest.approx(report.steps[-1].score)
    assert report.learned == ()
    content = report.to_dict()
    assert content["map_held_out"] is not None and len(content["members"]) == 6
    assert content["steps"][0]["gain"] is None
    assert sum(step["gain"] for step in content["steps"][1:]) == pytest.approx(
        report.score - report.steps[0].score, abs=1e-5
    )
    text = to_markdown(report)
    assert "8 persons in 5 pictures" in text and "1 whom training has seen are left out" in text
    assert "optimistic" in text and "5 of 26 categories" in text
    assert all(member.name in text for member in report.members)


def test_without_selection_all_weigh_the_same(three: list[Bundle], drawn: Manifest) -> None:
    candidates = name_candidates(three)
    said = ask_candidates(candidates, drawn, threads=1)
    report = judge_candidates(candidates, said, name="all", data="drawn", select=False)
    assert report.weights == dict.fromkeys((c.name for c in candidates), pytest.approx(1 / 3))
    assert report.score == pytest.approx(report.equal)
    assert (report.steps, report.held_out) == ((), None)
    assert "step by step" not in to_markdown(report)


def test_selection_that_does_not_pay_is_said(three: list[Bundle], drawn: Manifest) -> None:
    candidates = name_candidates(three)
    said = ask_candidates(candidates, drawn, threads=1)
    report = judge_candidates(candidates, said, name="all", data="drawn", select=True)
    for held_out, notes in ((report.equal - 0.01, 2), (report.equal + 0.01, 1)):
        found = replace(report, held_out=held_out).notes()
        assert len(found) == notes and ("does not pay" in found[-1]) == (notes == 2)
    learned = replace(report, held_out=None, learned=("a", "b")).notes()
    assert learned[-1].startswith("Trained on this split, as they say: a, b.")


def test_a_model_of_folds_has_learned_from_validation_people(three: list[Bundle]) -> None:
    def trained(**training: object) -> Bundle:
        return Bundle(three[0].folder, replace(three[0].info, training=training))

    folds = trained(cross_validated={"val": {"map": 0.2}})
    assert learned_from(folds, "val") and not learned_from(trained(), "val")
    assert learned_from(trained(), "train") and not learned_from(folds, "test")
    assert not learned_from(three[0], "val")


def test_what_cannot_be_a_member_is_said(
    three: list[Bundle], tiny_bundle: Bundle, drawn: Manifest
) -> None:
    with pytest.raises(UsageError, match="give one model"):
        name_candidates([])
    with pytest.raises(
        UsageError,
        match=r"says primary \(single-label, 7 labels\); the members of an ensemble say the same",
    ):
        name_candidates([three[0], tiny_bundle])
    nested = Bundle(three[0].folder, replace(three[0].info, members={"a": 1.0}))
    with pytest.raises(UsageError, match="give the models that it was made from"):
        name_candidates([nested])
    with pytest.raises(UsageError, match="given more than once"):
        name_candidates([three[0], three[1], three[0]])
    with pytest.raises(BundleError, match="primary"):
        ask_candidates(name_candidates([tiny_bundle]), drawn)
    with pytest.raises(DataError, match="no person of split 'test'"):
        ask_candidates(name_candidates(three), drawn, "test")


def test_people_whom_training_has_seen_are_not_enough(
    three: list[Bundle], write_drawn_people: WritePeople, tmp_path: Path
) -> None:
    rows = [
        replace(row, leak="same box in train")
        for row in write_drawn_people(tmp_path, {"val": (1, 2)}).rows()
    ]
    write_manifest(tmp_path, rows, labels=PEOPLE, root=".", note={})
    with pytest.raises(DataError, match="seen all 3 persons of split 'val'"):
        unseen(ask_candidates(name_candidates(three[:1]), Manifest.open(tmp_path)))
