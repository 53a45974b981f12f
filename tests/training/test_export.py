"""From a trained network to a bundle that says the same, smaller, calibrated and documented."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from affekt.arrays import softmax
from affekt.bundle import read_bundle
from affekt.data.manifests.manifest import Manifest
from affekt.errors import BundleError, UsageError
from affekt.inference.read.crop_model import CropModel
from affekt.media import ImageRgb
from affekt.models.build import FaceNetwork, load_network
from affekt.training import export
from affekt.training.config import TrainConfig, parse_config
from affekt.training.export import ExportOptions, export_bundle
from affekt.training.onnx_graph import show_features, trace
from affekt.training.tasks.face_data import face_dataset
from affekt.training.train import train

pytestmark = pytest.mark.usefixtures("traced_once")
LABELS = ("anger", "happiness", "neutral")
FIGURES = {
    "drawn": {
        "split": "test", "n": 40, "protocol": "majority label",
        "accuracy": 0.75, "accuracy_ci95": [0.6, 0.9],
        "balanced_accuracy": 0.7, "balanced_accuracy_ci95": [0.5, 0.8],
        "ece": 0.02, "ece_ci95": None,
        "per_class": {"anger": {"recall": 0.5, "recall_ci95": [0.1, 0.9], "support": 4},
                      "fear": {"recall": None, "recall_ci95": None, "support": 0}},
    }
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Path:
    """``best.safetensors`` of a network that has learnt the drawn faces."""
    config: TrainConfig = parse_config(
        {
            "run": {"out": str(tmp_path_factory.mktemp("run")), "accelerator": "cpu", "threads": 1},
            "data": {"manifests": [str(faces)], "labels": list(LABELS), "workers": 0},
            "model": {"backbone": "test_efficientnet", "weights": "random", "size": 32},
            "optim": {"epochs": 5, "batch": 8, "lr": 1e-2, "ema": 0.5},
        }
    )
    return train(config)


@pytest.fixture(scope="module")
def manifest(faces: Path) -> Manifest:
    return Manifest.open(faces)


@pytest.fixture(scope="module")
def crops(manifest: Manifest) -> ImageRgb:
    dataset = face_dataset([manifest], "val", LABELS, 32)
    return np.stack([sample.images()["face"][0].numpy().transpose(1, 2, 0) for sample in dataset])


def torch_logits(network: FaceNetwork, crops: ImageRgb) -> np.ndarray:
    with torch.inference_mode():
        return network(torch.from_numpy(crops.transpose(0, 3, 1, 2).copy())).numpy()


OPTIONS = ExportOptions("mine", "fp32", licence="CC0-1.0", metrics=FIGURES)


@pytest.mark.parametrize(
    ("precision", "stored", "tolerance"),
    [
        ("fp32", TensorProto.FLOAT, 1e-4),
        ("fp16", TensorProto.FLOAT16, 0.02),
        ("int8", TensorProto.INT8, 0.6),
    ],
)
def test_a_bundle_says_what_torch_says(
    trained: Path, manifest: Manifest, crops: ImageRgb, tmp_path: Path, *,
    precision: str, stored: int, tolerance: float,
) -> None:  # fmt: skip
    export_bundle(trained, tmp_path / "b", [manifest], replace(OPTIONS, precision=precision))
    bundle = read_bundle(tmp_path / "b")
    model = CropModel(bundle)
    expected = torch_logits(load_network(trained), crops)
    found = model.logits(crops)
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert np.abs(found[:1] - model.logits(crops[:1])).max() < 1e-4  # a batch of any size
    classifier = load_network(trained).backbone.get_classifier()
    with torch.inference_mode():
        again = classifier(torch.from_numpy(model.features(crops))).numpy()
    np.testing.assert_allclose(again, expected, atol=tolerance)
    probabilities = model.probabilities(crops)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        probabilities, softmax(found, bundle.info.outputs["primary"].temperature), rtol=1e-5
    )
    made = bundle.info.training["export"]
    assert made["precision"] == precision
    assert made["torch_agreement"]["faces"] == 9
    assert made["torch_agreement"]["max_logit_difference"] <= tolerance
    assert made["calibrated_on"] == {"drawn": 9}
    assert bundle.info.outputs["primary"].temperature > 0
    weights = [t for t in onnx.load(bundle.model_path).graph.initializer if len(t.dims) == 4]
    assert weights and all(tensor.data_type == stored for tensor in weights)


def test_features_cost_the_file_next_to_nothing(trained: Path) -> None:
    bare = onnx.load_from_string(trace(load_network(trained), 32))
    whole = bare.ByteSize()
    del bare.graph.output[1], bare.graph.node[-1]
    assert whole - bare.ByteSize() < 100
    with pytest.raises(BundleError, match="does not come from one linear layer"):
        bare.graph.node[-1].op_type = "Sum"
        show_features(bare.SerializeToString())


def test_a_part_of_the_labels_gives_the_probabilities_given_these(
    trained: Path, manifest: Manifest, crops: ImageRgb, tmp_path: Path
) -> None:
    kept = ("neutral", "anger")
    bundle = export_bundle(trained, tmp_path / "b", [manifest], replace(OPTIONS, labels=kept))
    assert bundle.info.outputs["primary"].labels == kept
    whole = softmax(torch_logits(load_network(trained), crops))[:, [2, 0]]
    found = softmax(CropModel(bundle).logits(crops))
    np.testing.assert_allclose(found, whole / whole.sum(axis=1, keepdims=True), atol=1e-4)


def test_a_mirrored_model_means_both_sides_of_a_face(
    trained: Path, manifest: Manifest, crops: ImageRgb, tmp_path: Path
) -> None:
    plain = CropModel(export_bundle(trained, tmp_path / "a", [manifest], OPTIONS))
    both = export_bundle(trained, tmp_path / "b", [manifest], replace(OPTIONS, mirror=True))
    expected = (plain.logits(crops) + plain.logits(crops[:, :, ::-1])) / 2
    np.testing.assert_allclose(CropModel(both).logits(crops), expected, atol=1e-4)
    assert np.abs(expected - plain.logits(crops)).max() > 5e-4
    assert "mean of the face and its mirror image" in (both.folder / "CARD.md").read_text()


def test_a_prior_shifts_every_logit_by_its_share_of_the_log_prior(
    trained: Path, manifest: Manifest, crops: ImageRgb, tmp_path: Path,
    write_faces: Callable[..., Manifest],
) -> None:  # fmt: skip
    write_faces(tmp_path / "few", "few", ("anger",), {"train": 1})
    few = Manifest.open(tmp_path / "few")
    options = replace(OPTIONS, prior=0.5, prior_manifest=few)
    bundle = export_bundle(trained, tmp_path / "b", [manifest], options)
    expected = torch_logits(load_network(trained), crops) + 0.5 * np.log([1.0, 1e-4, 1e-4])
    np.testing.assert_allclose(CropModel(bundle).logits(crops), expected, atol=1e-3)
    assert bundle.info.training["export"]["prior_manifest"] == "few"


def test_the_card_says_what_it_is_made_from_and_for(
    trained: Path, manifest: Manifest, tmp_path: Path
) -> None:
    bundle = export_bundle(trained, tmp_path / "b", [manifest], OPTIONS)
    card = (bundle.folder / "CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# mine\n")
    assert "Licence of the weights: CC0-1.0" in card
    for heading in ("## Intended use", "## Prohibited use", "## Limits", "## How it was made"):
        assert heading in card
    assert "first weights: random" in card
    assert "drawn (9)" in card
    recipe = json.loads(card.split("```json")[1].split("```")[0])
    assert recipe["optim"]["lr"] == 1e-2
    assert recipe["model"]["backbone"] == "test_efficientnet"
    assert "| accuracy | 0.7500 | 0.6000 to 0.9000 |" in card
    assert "| recall of anger (n = 4) | 0.5000 | 0.1000 to 0.9000 |" in card
    assert "recall of fear" not in card
    assert bundle.info.metrics == FIGURES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"precision": "fp61"}, "unknown precision 'fp61': did you mean 'fp16'"),
        ({"labels": ("anger", "fear")}, "label 'fear': .*known: anger, happiness, neutral"),
        ({"prior": 1.0}, "a prior strength needs the manifest"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    trained: Path, manifest: Manifest, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        export_bundle(trained, tmp_path / "b", [manifest], replace(OPTIONS, **change))  # type: ignore[arg-type]
    assert not (tmp_path / "b").exists()


def test_a_checkpoint_that_is_no_network_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(b"garbage")
    with pytest.raises(BundleError, match="not a network saved by affekt train"):
        export_bundle(tmp_path / "best.safetensors", tmp_path / "b", [manifest], OPTIONS)


def test_a_model_that_disagrees_with_torch_is_not_written(
    trained: Path, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversion that spoils the weights, as a broken quantiser would."""

    def spoil(model: bytes, faces: np.ndarray) -> bytes:
        loaded = onnx.load_from_string(model)
        for tensor in loaded.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2:
                values = onnx.numpy_helper.to_array(tensor)
                tensor.CopyFrom(onnx.numpy_helper.from_array(-values, tensor.name))
        return bytes(loaded.SerializeToString())

    monkeypatch.setitem(export.PRECISIONS, "int8", export._Precision(spoil, 0.9))
    with pytest.raises(BundleError, match=r"less than 90\.0%; nothing was written"):
        export_bundle(trained, tmp_path / "b", [manifest], replace(OPTIONS, precision="int8"))
    assert not (tmp_path / "b").exists()
