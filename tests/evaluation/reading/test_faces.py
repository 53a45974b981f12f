"""A whole evaluation of faces with a tiny bundle and a small manifest on disk."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.row import SPLITS, Row
from affekt.errors import BundleError, DataError, UsageError
from affekt.evaluation.evaluate import compare, evaluate
from affekt.evaluation.reading.predict import BATCH, predict
from affekt.evaluation.resampling import Bootstrap
from affekt.geometry import face_crop_matrix
from affekt.inference.read.crop_model import CropModel
from affekt.labels import PRIMARY
from affekt.media import warp
from affekt.report.markdown import to_markdown
from fakes.rows import FACES, tilted
from fakes.rows import manifest_of as write

DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"

N = BATCH + 62
"""More than two batches."""

FEW = Bootstrap(5)


def picture(seed: int):
    return np.random.default_rng(seed).integers(0, 256, (40, 36, 3), dtype=np.uint8)


def png(image_rgb) -> bytes:
    content = BytesIO()
    Image.fromarray(image_rgb).save(content, "png")
    return content.getvalue()


def face(i: int, label: str | None, **fields) -> Row:
    row = Row(
        id=f"face{i}", source="made", split="test", width=36, height=40,
        face=tilted((2.0, 3.0, 30.0, 36.0), i % 7), shares={"fear": 1.0}, label=label,
        content=png(picture(i)),
    )  # fmt: skip
    return replace(row, **fields)


def manifest_of(folder, rows, unit="picture") -> Manifest:
    return write(folder, rows, FACES, unit)


def own_figures(bundle, n: int):
    """Probabilities by the plain path: one crop at a time."""
    model = CropModel(bundle)
    crops = [
        warp(picture(i), face_crop_matrix((2.0, 3.0, 30.0, 36.0), model.size, i % 7), model.size)
        for i in range(n)
    ]
    return np.concatenate([model.probabilities(crop[None]) for crop in crops])


@pytest.fixture(scope="module")
def evaluation(tiny_bundle, tmp_path_factory):
    rows = [face(i, PRIMARY[i % 6]) for i in range(N)]
    rows += [
        face(1000, "contempt"),
        face(1001, None),
        face(1002, "fear", exclude="no face found"),
        face(1003, "fear", split="val"),
    ]
    manifest = manifest_of(tmp_path_factory.mktemp("made"), rows)
    return evaluate(tiny_bundle, manifest, "test", bootstrap=Bootstrap(50))


def test_the_figures_are_those_of_the_faces_one_by_one(tiny_bundle, evaluation):
    p, truth = own_figures(tiny_bundle, N), np.arange(N) % 6
    np.testing.assert_allclose(evaluation.predictions.outputs["primary"].predicted, p, atol=1e-5)
    figures = evaluation.to_dict()
    assert figures["n"] == N
    assert figures["accuracy"] == pytest.approx((p.argmax(1) == truth).mean(), abs=1e-6)
    low, high = figures["accuracy_ci95"]
    assert low <= figures["accuracy"] <= high
    hits = [(p.argmax(1)[truth == c] == c).mean() for c in range(6)]
    assert figures["balanced_accuracy"] == pytest.approx(np.mean(hits), abs=1e-6)


def test_what_is_not_scored_is_counted_with_its_reason(evaluation):
    assert evaluation.to_dict()["skipped"] == {
        "the model has no contempt": 1,
        "no label with the most votes": 1,
        "excluded: no face found": 1,
    }


def test_json_names_everything_and_holds_no_nan(evaluation):
    figures = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    for name in ("accuracy", "balanced_accuracy", "ece", "nll"):
        low, high = figures[f"{name}_ci95"]
        assert low <= high and isinstance(figures[name], float)
    assert figures["model"] == "tiny" and figures["split"] == "test"
    assert figures["sources"] == {"made": N}
    assert list(figures["per_class"]) == list(figures["confusion"]) == list(PRIMARY)
    assert figures["per_class"]["surprise"]["recall"] is None
    assert figures["per_class"]["surprise"]["recall_ci95"] is None
    assert figures["per_class"]["surprise"]["support"] == 0
    assert sum(sum(row.values()) for row in figures["confusion"].values()) == N
    assert figures["floors"] == {"accuracy": round(16 / N, 6), "balanced_accuracy": 0.166667}
    documented = DOCS.read_text(encoding="utf-8")
    assert [key for key in figures if f"`{key.removesuffix('_ci95')}`" not in documented] == []
    assert "plurality" in figures["protocol"] and "7 classes" in figures["protocol"]


def test_markdown_shows_the_same_figures(evaluation):
    page = to_markdown(evaluation)
    assert f"{N} faces" in page and "the model has no contempt (1)" in page
    assert f"| accuracy (%) | {100 * evaluation.figures['accuracy'].value:.1f} (" in page
    assert "| surprise | 0 | - |" in page and "Balanced accuracy is over 6 of 7 labels" in page
    assert "by face, 50 resamples. Basic: expected calibration error. All others" in page


def test_majority_keeps_only_rows_with_one(tiny_bundle, tmp_path):
    rows = [face(0, "fear", majority=True), face(1, "fear", majority=False), face(2, "fear")]
    manifest = manifest_of(tmp_path, rows)
    assert evaluate(tiny_bundle, manifest, bootstrap=FEW).n == 3
    figures = evaluate(tiny_bundle, manifest, protocol="majority", bootstrap=FEW).to_dict()
    assert figures["n"] == 1 and figures["skipped"] == {"no majority": 1, "no votes": 1}
    assert figures["protocol"].startswith("majority")


def test_progress_ends_with_all_faces_in_use(tiny_bundle, tmp_path):
    rows = [face(i, "fear") for i in range(BATCH + 1)] + [face(999, None)]
    calls = []
    evaluate(
        tiny_bundle, manifest_of(tmp_path, rows), bootstrap=FEW,
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    n = BATCH + 2
    assert calls == [(BATCH, n), (BATCH + 1, n), (n, n)]


def test_all_splits_can_be_scored_together(tiny_bundle, tmp_path):
    manifest = manifest_of(tmp_path, [face(i, "fear", split=s) for i, s in enumerate(SPLITS)])
    whole = evaluate(tiny_bundle, manifest, "all", bootstrap=FEW)
    assert (whole.n, whole.to_dict()["split"]) == (3, "all")


def test_bad_calls_are_named(tiny_bundle, tiny_context, tmp_path):
    manifest = manifest_of(tmp_path, [face(0, "contempt")])
    with pytest.raises(UsageError, match="did you mean 'majority'"):
        evaluate(tiny_bundle, manifest, protocol="majorty")
    with pytest.raises(DataError, match=r"the model has no contempt \(1\)"):
        evaluate(tiny_bundle, manifest)
    with pytest.raises(DataError, match="test has 1; split 'all' scores them all"):
        evaluate(tiny_bundle, manifest, "val")
    with pytest.raises(DataError, match="unknown split"):
        evaluate(tiny_bundle, manifest, "tset")
    with pytest.raises(BundleError, match=r"says categories, vad; the faces of .* have primary"):
        evaluate(tiny_context, manifest)


def test_a_missing_picture_is_named(tiny_bundle, tmp_path):
    manifest = manifest_of(tmp_path, [face(0, "fear", content=None, medium="gone.png")])
    with pytest.raises(DataError, match=r"gone\.png"):
        evaluate(tiny_bundle, manifest)


@pytest.mark.parametrize(
    ("rows", "unit", "units"),
    [
        ([{}, {}, {}], "row", 3),
        ([{"medium": "a.png"}, {"medium": "b.png"}, {}], "row", 3),
        ([{"medium": "a.png"}, {"medium": "a.png"}, {}], "picture", 2),
        ([{"unit": "x"}, {"unit": "x"}, {}], "subject", 2),
        ([{"unit": "x"}, {"unit": "x", "source": "other"}, {}], "subject", 3),
    ],
)
def test_subjects_are_drawn_where_known_then_pictures_of_several_faces(
    tiny_bundle, tmp_path, rows, unit, units
):
    faces = [face(i, "fear", **row) for i, row in enumerate(rows)]
    known = "subject" if unit == "subject" else "picture"
    manifest = manifest_of(tmp_path, faces, known)
    said = predict(tiny_bundle, manifest, "test")
    assert (said.unit, int(said.unit_of.max()) + 1) == (unit, units)
    figures = evaluate(tiny_bundle, manifest, bootstrap=FEW).to_dict()
    assert (figures["bootstrap"]["unit"], figures["bootstrap"]["units"]) == (unit, units)


def test_faces_are_measured_by_group_where_the_manifest_says(tiny_bundle, tmp_path):
    rows = [
        face(i, PRIMARY[i % 3], groups=[{"gender": "Female"}, {"gender": "Male"}, {}][i % 3])
        for i in range(9)
    ]
    groups = evaluate(tiny_bundle, manifest_of(tmp_path, rows), bootstrap=FEW).to_dict()["groups"]
    assert {name: own["n"] for name, own in groups["gender"].items()} == {"Female": 3, "Male": 3}
    assert groups["source"]["made"]["n"] == 9


def test_two_face_models_are_compared(tiny_bundle, write_face_model, tmp_path):
    other = write_face_model(tmp_path / "other", temperature=3.0, name="other")
    manifest = manifest_of(tmp_path, [face(i, PRIMARY[i % 7]) for i in range(20)])
    found = compare(tiny_bundle, other, manifest, bootstrap=FEW)
    assert found.models == ("tiny", "other")
    assert found.differences["accuracy"].difference == (0, 0, 0)  # a temperature changes no order
    assert found.differences["nll"].difference.value != 0
    with pytest.raises(UsageError, match="the same model"):
        compare(other, other, manifest)
    fewer = write_face_model(tmp_path / "fewer", labels=PRIMARY[:6], name="fewer")
    with pytest.raises(DataError, match="on 20 faces and fewer on 18 others"):
        compare(tiny_bundle, fewer, manifest)
