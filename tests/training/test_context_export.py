"""From a trained context network to a bundle that says the same of people in pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from affekt.bundle import Bundle, MultiLabel, read_bundle
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import collate
from affekt.errors import BundleError, UsageError
from affekt.evaluation.fitting.platt import fit_platt
from affekt.inference.read.model import Model
from affekt.inference.read.views import People
from affekt.labels import CATEGORIES
from affekt.models.context import load_context
from affekt.training import context_export
from affekt.training.context_config import parse_context_config
from affekt.training.context_export import ContextExportOptions, export_context
from affekt.training.features.external import face_encoder
from affekt.training.tasks.samples import PEOPLE_HEADS, inputs_of, known_of
from affekt.training.train import train

pytestmark = pytest.mark.usefixtures("traced_once")
FIGURES = {
    "drawn": {
        "split": "test", "n": 12, "map": 0.31, "map_ci95": [0.25, 0.37], "ece": 0.04,
        "ece_ci95": None, "vad_mae": {"valence": 0.8}, "vad_mae_ci95": {"valence": [0.7, 0.9]},
        "ap": {"Anger": 0.2, "Embarrassment": None}, "ap_ci95": {"Anger": [0.1, 0.3]},
    }
}  # fmt: skip


def content(out: Path, people: Path, **tables: Any) -> dict[str, Any]:
    return {
        "kind": "context",
        "run": {"out": str(out), "accelerator": "cpu", "threads": 1},
        "data": {"manifests": [str(people)], "workers": 0},
        "streams": {
            "face": {},
            "body": {"backbone": "test_efficientnet", "weights": "random", "size": 32},
            "scene": {"share": "body", "blank_person": True},
        },
        "fusion": {"kind": "gated", "hidden": 8},
        "optim": {"epochs": 4, "batch": 8, "lr": 1e-2, "ema": 0.5},
        "features": {"cache": True, "folder": str(out / "features")},
        **tables,
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, drawn_people: Path) -> Path:
    out = tmp_path_factory.mktemp("context")
    return train(parse_context_config(content(out, drawn_people)))


@pytest.fixture(scope="module")
def people(drawn_people: Path) -> Manifest:
    return Manifest.open(drawn_people)


@pytest.fixture(scope="module")
def bundle(trained: Path, people: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "mine"
    export_context(trained, folder, [people], options(precision="fp32", metrics=FIGURES))
    return read_bundle(folder)


def options(**changes: Any) -> ContextExportOptions:
    return ContextExportOptions(**{"name": "mine", "licence": "CC0-1.0", **changes})


def by_bundle(bundle: Bundle, people: Manifest) -> tuple[np.ndarray, np.ndarray]:
    model = Model(bundle)
    crops = []
    for rows in people.pictures("val"):
        image = read_row_picture(people, rows[0])
        boxes, faces = [r.box_xyxy for r in rows], [r.face for r in rows]
        crops.append(model.take(People(image, boxes, faces)))
    output = model.run(crops)
    return output.values["categories"], output.values["vad"]


def by_torch(trained: Path, people: Manifest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    network = load_context(trained, {"bundle:face": face_encoder("face").encode})
    dataset = RowDataset([people], ("val",), inputs_of(network.spec.streams), PEOPLE_HEADS)
    sample = collate([dataset[i] for i in range(len(dataset))])
    with torch.inference_mode():
        features = network.encode(sample.images(), *known_of(sample)[:2])
        logits, vad = network(features, *known_of(sample))
    return logits.numpy(), vad.numpy(), sample.targets["categories"].numpy() > 0.5


def test_a_bundle_says_what_torch_says_of_people_in_pictures(
    trained: Path, bundle: Bundle, people: Manifest
) -> None:
    logits, vad, truth = by_torch(trained, people)
    probabilities, found_vad = by_bundle(bundle, people)
    np.testing.assert_allclose(found_vad, vad.clip(1, 10), atol=1e-3)
    head = bundle.info.outputs["categories"]
    assert isinstance(head, MultiLabel)
    for place, name in enumerate(CATEGORIES):
        scale, shift = head.platt[name]
        expected = 1 / (1 + np.exp(-(scale * logits[:, place] + shift)))
        np.testing.assert_allclose(probabilities[:, place], expected, atol=1e-3)
    happy = CATEGORIES.index("Happiness")
    oracle = fit_platt(logits[:, happy], truth[:, happy])
    assert head.platt["Happiness"] == pytest.approx(oracle, rel=1e-2)
    assert set(head.thresholds) == set(CATEGORIES)


def test_streams_that_share_an_encoder_share_its_file(bundle: Bundle) -> None:
    assert set(bundle.info.files) == {"model.onnx", "body.onnx", "CARD.md"}
    streams = bundle.info.streams
    assert streams["body"].encoder == streams["scene"].encoder == "body.onnx"
    assert streams["face"].encoder == "bundle:face"
    assert streams["scene"].blank_person
    assert bundle.info.needs == {"face": face_encoder("face").sha256}
    assert bundle.info.heads == ("categories", "vad", "primary")
    assert bundle.info.outputs["categories"].labels == CATEGORIES
    inputs = [node.name for node in onnx.load(bundle.model_path).graph.input]
    assert inputs == ["body", "face", "scene", "has_face", "geometry"]


def test_half_precision_is_half_the_size(
    trained: Path, bundle: Bundle, people: Manifest, tmp_path: Path
) -> None:
    chosen = options(precision="fp16", head_precision="fp16")
    half = export_context(trained, tmp_path / "half", [people], chosen)
    weights = onnx.load(half.folder / "body.onnx").graph.initializer
    assert all(t.data_type == TensorProto.FLOAT16 for t in weights if len(t.dims) == 4)
    size = (half.folder / "body.onnx").stat().st_size
    assert size < 0.7 * (bundle.folder / "body.onnx").stat().st_size
    first, second = by_bundle(half, people)[0], by_bundle(bundle, people)[0]
    np.testing.assert_allclose(first, second, atol=0.02)


def test_int8_takes_its_ranges_from_real_crops(
    trained: Path, people: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(context_export.MAX_DIFFERENCE, "int8", 1.0)  # a tiny untrained encoder
    small = export_context(trained, tmp_path / "small", [people], options(precision="int8"))
    weights = onnx.load(small.folder / "body.onnx").graph.initializer
    assert any(t.data_type == TensorProto.INT8 for t in weights if len(t.dims) == 4)


def test_a_model_that_disagrees_with_torch_is_not_written(
    trained: Path, people: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(context_export.MAX_DIFFERENCE, "fp32", -1.0)
    with pytest.raises(BundleError, match=r"from torch's, more than .*; nothing was written"):
        export_context(trained, tmp_path / "out" / "b", [people], options(precision="fp32"))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_model_of_folds_brings_its_own_calibration(
    tmp_path: Path, drawn_people: Path, people: Manifest
) -> None:
    recipe = content(
        tmp_path,
        drawn_people,
        streams={"body": {"backbone": "test_efficientnet", "weights": "random", "size": 32}},
        data={
            "manifests": [str(drawn_people)],
            "workers": 0,
            "folds": 2,
            "calibrate_on": ["train", "val"],
        },
    )
    best = train(parse_context_config(recipe))
    fitted = load_context(best).spec.history["calibration"]
    made = export_context(best, tmp_path / "b", [people], options(precision="fp32"))
    head = made.info.outputs["categories"]
    assert isinstance(head, MultiLabel)
    assert head.platt["Peace"] == pytest.approx(fitted["platt"]["Peace"])
    assert head.thresholds == pytest.approx(fitted["thresholds"])
    assert made.info.training["export"]["calibrated_on"] == {"the folds' held-out people": 26}
    card = (made.folder / "CARD.md").read_text(encoding="utf-8")
    assert "heads: 2, their mean is the model" in card
    assert "## Cross-validated" in card and "| val, n = 8 | map | " in card
    assert by_bundle(made, people)[0].shape == (8, 26)


def test_the_card_says_what_it_is_made_from_and_for(bundle: Bundle) -> None:
    card = (bundle.folder / "CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# mine\n")
    for text in (
        "Licence of the weights: CC0-1.0", "Needs the bundle 'face'", "## Intended use",
        "## Prohibited use", "encoder body: test_efficientnet, first weights random",
        "the person blanked", "validation people (8)", "| map | 0.3100 | 0.2500 to 0.3700 |",
        "| vad_mae valence | 0.8000 | 0.7000 to 0.9000 |", "| AP of Anger | 0.2000 | 0.1000 to",
    ):  # fmt: skip
        assert text in card
    assert "AP of Embarrassment" not in card
    recipe = json.loads(card.split("```json")[1].split("```")[0])
    assert recipe["fusion"]["kind"] == "gated"


@pytest.mark.parametrize(
    "change", [{"precision": "fp61"}, {"head_precision": "int8"}], ids=["encoder", "head"]
)
def test_an_unknown_precision_is_refused(
    trained: Path, people: Manifest, tmp_path: Path, change: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match="unknown precision"):
        export_context(trained, tmp_path / "b", [people], options(**change))


def test_another_face_bundle_than_the_one_trained_with_is_refused(
    trained: Path, people: Manifest, tmp_path: Path, tiny_bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def other(name: str) -> Any:
        from dataclasses import replace  # noqa: PLC0415

        return replace(face_encoder(name), sha256="0" * 64)

    monkeypatch.setattr(context_export, "face_encoder", other)
    with pytest.raises(BundleError, match="was trained with another face bundle 'face'"):
        export_context(trained, tmp_path / "b", [people], options())


def test_without_validation_people_there_is_nothing_to_check_on(
    trained: Path, tmp_path: Path, write_drawn_people: Callable[..., Manifest]
) -> None:
    labels = write_drawn_people(tmp_path / "labels", {"val": (2,)}, labels_only=True)
    with pytest.raises(BundleError, match="nobody with a picture in the validation splits"):
        export_context(trained, tmp_path / "b", [labels], options(precision="fp32"))
