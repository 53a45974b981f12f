"""From a network of several streams to a bundle that says the same of people in pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from affekt.bundle import Bundle, MultiLabel, read_bundle
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.errors import BundleError, UsageError
from affekt.evaluation.fitting.platt import fit_platt
from affekt.inference.read.model import Model
from affekt.inference.read.views import People
from affekt.labels import CATEGORIES
from affekt.models.saved import load_network
from affekt.packaging import agreement, prepared
from affekt.packaging.export import ExportOptions, export_network
from affekt.training.features.external import bundle_encoder
from affekt.training.recipe.recipe import parse_recipe
from affekt.training.train import train
from fakes.backbones import TWO_BLOCKS
from fakes.reading import read, samples_of
from fakes.recipes import LABELS, content_of

pytestmark = pytest.mark.usefixtures("traced_once")
FIGURES = {
    "drawn": {
        "split": "test", "n": 12, "map": 0.31, "map_ci95": [0.25, 0.37], "ece": 0.04,
        "ece_ci95": None, "vad_mae": {"valence": 0.8}, "vad_mae_ci95": {"valence": [0.7, 0.9]},
        "ap": {"Anger": 0.2, "Embarrassment": None}, "ap_ci95": {"Anger": [0.1, 0.3]},
    }
}  # fmt: skip
BODY = {"backbone": TWO_BLOCKS, "weights": "random", "size": 32}
OPTIONS = ExportOptions("mine", "fp32", licence="CC0-1.0")


def recipe_of(out: Path, people: Manifest, **tables: Any) -> dict[str, Any]:
    plain = {
        "streams": {
            "face": {"bundle": "face"},
            "body": BODY,
            "scene": {"share": "body", "blank_person": True},
            "geometry": {},
        },
        "fusion": {"kind": "gated", "hidden": 8},
        "heads": {"categories": {}, "vad": {}},
        "features": {"cache": True, "folder": str(out / "features")},
    }
    return content_of(out, people, **plain | tables)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, people: Manifest) -> Path:
    return train(parse_recipe(recipe_of(tmp_path_factory.mktemp("context"), people)))


@pytest.fixture(scope="module")
def bundle(trained: Path, people: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "mine"
    export_network(trained, folder, [people], replace(OPTIONS, metrics=FIGURES))
    return read_bundle(folder)


def by_bundle(bundle: Bundle, people: Manifest) -> dict[str, np.ndarray]:
    model, taken = Model(bundle), []
    for rows in people.pictures("val"):
        image = read_row_picture(people, rows[0])
        boxes, faces = [r.box_xyxy for r in rows], [r.face for r in rows]
        taken.append(model.take(People(image, boxes, faces)))
    return model.run(taken).values


def test_a_bundle_says_what_torch_says_of_people_in_pictures(
    trained: Path, bundle: Bundle, people: Manifest
) -> None:
    network = load_network(trained, {"bundle:face": bundle_encoder("face", "face").encode})
    _, sample = samples_of(network, [people.path], "val")
    said = {name: part.numpy() for name, part in read(network, sample).items()}
    found = by_bundle(bundle, people)
    np.testing.assert_allclose(found["vad"], said["vad"].clip(1, 10), atol=1e-3)
    head, logits = bundle.info.outputs["categories"], said["categories"]
    assert isinstance(head, MultiLabel)
    for place, name in enumerate(CATEGORIES):
        scale, shift = head.platt[name]
        expected = 1 / (1 + np.exp(-(scale * logits[:, place] + shift)))
        np.testing.assert_allclose(found["categories"][:, place], expected, atol=1e-3)
    happy = CATEGORIES.index("Happiness")
    truth = sample.targets["categories"].numpy() > 0.5
    oracle = fit_platt(logits[:, happy], truth[:, happy])
    assert head.platt["Happiness"] == pytest.approx(oracle, rel=1e-2)
    assert set(head.thresholds) == set(CATEGORIES)


def test_streams_that_share_an_encoder_share_its_file(bundle: Bundle) -> None:
    assert set(bundle.info.files) == {"model.onnx", "body.onnx", "CARD.md"}
    streams = bundle.info.streams
    assert streams["body"].encoder == streams["scene"].encoder == "body.onnx"
    assert streams["face"].encoder == "bundle:face"
    assert streams["scene"].blank_person
    assert bundle.info.needs == {"face": bundle_encoder("face", "face").sha256}
    assert bundle.info.heads == ("categories", "vad", "primary")
    assert bundle.info.outputs["categories"].labels == CATEGORIES
    inputs = [node.name for node in onnx.load(bundle.model_path).graph.input]
    assert inputs == ["body", "face", "scene", "has_face", "geometry"]


def test_half_precision_is_half_the_size(
    trained: Path, bundle: Bundle, people: Manifest, tmp_path: Path
) -> None:
    chosen = replace(OPTIONS, precision="fp16", head_precision="fp16")
    half = export_network(trained, tmp_path / "half", [people], chosen)
    weights = onnx.load(half.folder / "body.onnx").graph.initializer
    assert all(t.data_type == TensorProto.FLOAT16 for t in weights if len(t.dims) == 4)
    size = (half.folder / "body.onnx").stat().st_size
    assert size < 0.7 * (bundle.folder / "body.onnx").stat().st_size
    first, second = (by_bundle(one, people)["categories"] for one in (half, bundle))
    np.testing.assert_allclose(first, second, atol=0.02)


def test_int8_takes_its_ranges_from_real_crops(
    trained: Path, people: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(agreement.MAX_DIFFERENCE, "int8", 1.0)  # a tiny untrained encoder
    small = export_network(trained, tmp_path / "b", [people], replace(OPTIONS, precision="int8"))
    weights = onnx.load(small.folder / "body.onnx").graph.initializer
    assert any(t.data_type == TensorProto.INT8 for t in weights if len(t.dims) == 4)


def test_a_model_that_disagrees_with_torch_is_not_written(
    trained: Path, people: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(agreement.MAX_DIFFERENCE, "fp32", -1.0)
    with pytest.raises(BundleError, match=r"from torch's, more than .*; nothing was written"):
        export_network(trained, tmp_path / "out" / "b", [people], OPTIONS)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_model_of_folds_brings_its_own_calibration(tmp_path: Path, people: Manifest) -> None:
    folds = {"count": 2, "calibrate_on": ["train", "val"]}
    content = recipe_of(tmp_path, people, streams={"body": BODY}, folds=folds)
    best = train(parse_recipe(content))
    fitted = load_network(best).spec.history["calibration"]
    made = export_network(best, tmp_path / "b", [people], OPTIONS)
    head = made.info.outputs["categories"]
    assert isinstance(head, MultiLabel)
    assert head.platt["Peace"] == pytest.approx(fitted["platt"]["Peace"])
    assert head.thresholds == pytest.approx(fitted["thresholds"])
    on = made.info.training["export"]["calibrated_on"]
    assert on == {"categories": {"the folds' held-out people": 26}}
    card = (made.folder / "CARD.md").read_text(encoding="utf-8")
    assert "heads: 2, their mean is the model" in card
    assert "## Cross-validated" in card and "| val, n = 8 | map | " in card
    assert by_bundle(made, people)["categories"].shape == (8, 26)


def test_the_card_says_what_it_is_made_from_and_for(bundle: Bundle) -> None:
    card = (bundle.folder / "CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# mine\n")
    for text in (
        "Licence of the weights: CC0-1.0", "Needs the bundle 'face'", "## Intended use",
        "## Prohibited use", f"encoder body: {TWO_BLOCKS}, first weights random",
        "the person blanked", "validation people (8)", "| map | 0.3100 | 0.2500 to 0.3700 |",
        "| vad_mae valence | 0.8000 | 0.7000 to 0.9000 |", "| AP of Anger | 0.2000 | 0.1000 to",
    ):  # fmt: skip
        assert text in card
    assert "AP of Embarrassment" not in card
    recipe = json.loads(card.split("```json")[1].split("```")[0])
    assert recipe["fusion"]["kind"] == "gated"


@pytest.mark.parametrize("change", [{"labels": ("fear",)}, {"prior": 1.0}, {"mirror": True}])
def test_an_option_for_another_kind_of_model_is_refused(
    trained: Path, people: Manifest, tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=r"^--\w+.* (is|are) for a model"):
        export_network(trained, tmp_path / "b", [people], replace(OPTIONS, **change))


def test_another_bundle_than_the_one_trained_with_is_refused(
    trained: Path, people: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(name: str, stream: str) -> Any:
        return replace(bundle_encoder(name, stream), sha256="0" * 64)

    monkeypatch.setattr(prepared, "bundle_encoder", other)
    with pytest.raises(BundleError, match="was trained with another bundle 'face'"):
        export_network(trained, tmp_path / "b", [people], OPTIONS)


def test_without_validation_people_there_is_nothing_to_check_on(
    trained: Path, tmp_path: Path, write_drawn_people: Callable[..., Manifest]
) -> None:
    labels = write_drawn_people(tmp_path / "labels", {"val": (2,)}, labels_only=True)
    with pytest.raises(BundleError, match="nobody with a picture in the validation"):
        export_network(trained, tmp_path / "b", [labels], OPTIONS)


def test_a_model_with_three_heads_is_exported_with_all_of_them(
    tmp_path: Path, people: Manifest, faces: Manifest
) -> None:
    """Faces with primary emotions and people with categories in one run, from one stream."""
    content = content_of(
        tmp_path,
        faces,
        streams={"face": {**BODY, "train": "all"}},
        fusion={"kind": "none", "dropout": 0.0},
        heads={
            "primary": {"labels": list(LABELS)},
            "categories": {},
            "vad": {},
        },
    )
    content["data"]["manifests"].append(str(people.path))
    made = export_network(train(parse_recipe(content)), tmp_path / "b", [faces, people], OPTIONS)
    assert made.info.heads == ("primary", "categories", "vad")
    said = by_bundle(made, people)
    assert said["primary"].shape[1] == 3 and said["categories"].shape[1] == 26
    seen = np.isfinite(said["primary"]).all(axis=1)
    np.testing.assert_allclose(said["primary"][seen].sum(axis=1), 1, rtol=1e-5)
