"""A whole evaluation of people with a tiny bundle and a small manifest on disk."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.bundle import MultiLabel
from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.errors import BundleError, DataError, UsageError
from affekt.evaluation.evaluate import compare, evaluate, judge
from affekt.evaluation.floors import Training
from affekt.evaluation.metrics.multi_label import average_precision
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.reading import predict as room
from affekt.evaluation.reading.truths import geometry_of, training_rows, truth_of
from affekt.evaluation.resampling import Bootstrap
from affekt.geometry import person_geometry
from affekt.inference.read.model import Model
from affekt.inference.read.views import People
from affekt.labels import CATEGORIES, VAD
from affekt.report.markdown import to_markdown
from fakes.predictions import said_of_people
from fakes.rows import PEOPLE, person_row

DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"
FEW = Bootstrap(5)
SIZES = {"train": (2,) * 32, "test": (1, 2, 3) * 8}


@pytest.fixture(scope="module")
def manifest(write_drawn_people, tmp_path_factory):
    return write_drawn_people(tmp_path_factory.mktemp("people"), SIZES)


@pytest.fixture(scope="module")
def evaluation(tiny_context, manifest):
    return evaluate(tiny_context, manifest, "test", bootstrap=Bootstrap(40))


def test_the_figures_are_those_of_the_persons_one_by_one(tiny_context, manifest, evaluation):
    model, rows = Model(tiny_context), list(manifest.rows("test"))
    said = [
        model.run([model.take(People(picture, [row.person_xyxy], [row.face], row.people))])
        for row in rows
        for picture in [read_row_picture(manifest, row)]
    ]
    p = np.concatenate([reading.values["categories"] for reading in said])
    np.testing.assert_allclose(evaluation.predictions.outputs["categories"].predicted, p, atol=1e-5)
    vad = np.concatenate([reading.values["vad"] for reading in said])
    np.testing.assert_allclose(evaluation.predictions.outputs["vad"].predicted, vad, atol=1e-4)
    truth = np.array([[name in row.categories for name in CATEGORIES] for row in rows])
    figures = evaluation.to_dict()
    expected = mean_over_labels(average_precision(truth, p))
    assert figures["n"] == len(rows) == 48 and figures["pictures"] == 24
    assert figures["map"] == pytest.approx(float(expected), abs=1e-4)
    low, high = figures["map_ci95"]
    assert low <= figures["map"] <= high
    assert figures["faces"] == sum(row.face is not None for row in rows)


def test_json_names_everything_and_holds_no_nan(evaluation):
    figures = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert list(figures["ap"]) == list(CATEGORIES)
    assert list(figures["vad_mae"]) == list(figures["vad_ccc"]) == list(VAD)
    absent = figures["without_positives"]
    assert absent and figures["map_categories"] == 26 - len(absent)
    for label in absent:
        assert figures["ap"][label] is None and figures["ap_ci95"][label] is None
        assert figures["support"][label] == 0
    assert figures["floors"]["geometry"]["map"] > 0
    assert figures["floors"]["chance"]["map"] > figures["floors"]["prevalence"]["map"]
    assert list(figures["floors"]["constant_vad"]["vad_mae"]) == list(VAD)
    assert set(figures["groups"]) == {"gender", "age", "source"}
    genders = figures["groups"]["gender"]
    assert genders["Male"]["n"] + genders["Female"]["n"] == 48
    documented = DOCS.read_text(encoding="utf-8")
    assert [key for key in figures if f"`{key.removesuffix('_ci95')}`" not in documented] == []


def test_markdown_says_over_how_many_categories_the_mean_is(evaluation):
    page = to_markdown(evaluation)
    missing = evaluation.to_dict()["without_positives"]
    count = len(missing)
    assert f"over {26 - count} of 26 categories: nobody here has" in page
    assert f"| mAP (%) | {100 * evaluation.figures['map'].value:.1f} (" in page
    assert f"| {missing[0]} | 0 | - | - | - | - | - |" in page


def test_reading_in_batches_changes_nothing(tiny_context, manifest, evaluation, monkeypatch):
    calls = []
    monkeypatch.setattr(room, "BATCH", 5)
    said = room.predict_rows(
        Model(tiny_context), manifest, "test", progress=lambda *done: calls.append(done)
    )
    expected = evaluation.predictions.outputs["categories"].predicted
    np.testing.assert_allclose(said.outputs["categories"].predicted, expected, atol=1e-5)
    assert calls[0][0] < calls[1][0] and calls[-1] == (48, 48)


def test_what_is_not_scored_is_counted_with_its_reason(tiny_context, manifest, tmp_path):
    rows = list(manifest.rows("test"))[:6]
    rows[0] = replace(rows[0], exclude="broken picture")
    rows[1] = replace(rows[1], medium=None)
    rows[3] = replace(rows[3], leak="same box in train")
    write_manifest(tmp_path, rows, labels=PEOPLE, root=str(manifest.root), note={})
    result = evaluate(tiny_context, Manifest.open(tmp_path), bootstrap=FEW)
    figures = result.to_dict()
    assert figures["n"] == 4 and figures["leaked"] == 1
    reasons = {"excluded: broken picture": 1, "labels without a picture": 1}
    assert figures["skipped"] == reasons
    assert figures["floors"]["geometry"] is figures["floors"]["constant_vad"] is None
    assert figures["warnings"][0] == "1 of the 4 persons were seen in training"
    assert "labels without a picture (1)" in to_markdown(result)


def test_a_bundle_without_thresholds_has_no_label_sets(write_context, manifest, tmp_path):
    bundle = write_context(tmp_path / "plain", outputs={"categories": MultiLabel(CATEGORIES)})
    figures = evaluate(bundle, manifest, bootstrap=FEW).to_dict()
    assert figures["thresholds"] is figures["jaccard"] is figures["f1"] is None
    assert figures["map"] > 0


def test_floors_are_not_measured_on_who_they_learned_from(tiny_context, manifest):
    figures = evaluate(tiny_context, manifest, "train", bootstrap=FEW).to_dict()
    assert figures["floors"]["geometry"] is None and figures["n"] == 64


def test_made_up_skill_shows_in_every_figure():
    said, other = said_of_people(skill=0.8), said_of_people(seed=9)
    targets = {name: np.nan_to_num(o.targets, nan=5.0) for name, o in other.outputs.items()}
    train = Training(other.geometry, targets)
    good = judge(said, model="m", data="d", train=train, bootstrap=Bootstrap(20)).to_dict()
    assert good["map"] == good["map_official"] == good["jaccard"] == good["f1"] == 1
    assert good["map"] > good["floors"]["geometry"]["map"] > 0
    assert good["vad_mae"]["valence"] < good["floors"]["constant_vad"]["vad_mae"]["valence"]
    assert good["vad_ccc"]["arousal"] > 0.8 and good["without_positives"] == ["Embarrassment"]


def test_rows_become_arrays():
    row = person_row(
        "a#0", "Peace", width=100, height=50, box_xyxy=(0.0, 0.0, 50.0, 50.0), people=2
    )
    np.testing.assert_allclose(geometry_of([row]), person_geometry([row.person_xyxy], 100, 50, 2))
    truth = truth_of([row], "categories", CATEGORIES)
    assert truth.sum() == 1 and truth[0, CATEGORIES.index("Peace")]
    assert np.isnan(truth_of([row], "vad", VAD)).all()


def test_too_few_training_persons_give_no_floor(write_drawn_people, tmp_path):
    labels = {"categories": CATEGORIES, "vad": VAD}
    assert training_rows(write_drawn_people(tmp_path / "few"), labels) is None
    many = training_rows(write_drawn_people(tmp_path / "many", {"train": (2,) * 30}), labels)
    assert len(many.geometry) == 60
    assert {name: own.shape for name, own in many.targets.items()} == {
        "categories": (60, 26),
        "vad": (60, 3),
    }


def test_two_bundles(tiny_context, write_context, write_drawn_people, tmp_path):
    manifest = write_drawn_people(tmp_path / "people", {"test": (1, 2, 3, 2)})
    other = write_context(tmp_path / "other", seed=5, name="other")
    found = compare(tiny_context, other, manifest, bootstrap=FEW)
    assert found.models == ("tiny-context", "other") and len(found.predictions) == 8
    with pytest.raises(UsageError, match="the same model"):
        compare(other, other, manifest)


def test_bad_calls_are_named(tiny_bundle, tiny_context, manifest, write_drawn_people, tmp_path):
    with pytest.raises(DataError, match="test has 48; split 'all' scores them all"):
        evaluate(tiny_context, manifest, "val")
    with pytest.raises(DataError, match="unknown split"):
        evaluate(tiny_context, manifest, "tset")
    with pytest.raises(UsageError, match="protocols are for single-label heads"):
        evaluate(tiny_context, manifest, protocol="majority")
    with pytest.raises(
        BundleError, match=r"says primary; the persons of .* have categories and vad"
    ):
        evaluate(tiny_bundle, manifest)
    labels = write_drawn_people(tmp_path / "labels", {"test": (1,)}, labels_only=True)
    with pytest.raises(DataError, match=r"labels without a picture \(1\)"):
        evaluate(tiny_context, labels)
    gone = write_drawn_people(tmp_path / "gone", {"test": (1,)})
    (tmp_path / "gone" / "test-0.png").unlink()
    with pytest.raises(DataError, match=r"test-0\.png"):
        evaluate(tiny_context, gone)
