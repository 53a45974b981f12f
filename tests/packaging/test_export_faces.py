"""From a network of one stream to a bundle that says the same, smaller, calibrated, documented."""

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
from affekt.models.network import Network
from affekt.models.saved import load_network
from affekt.packaging import precision as precisions
from affekt.packaging.export import ExportOptions, export_network
from affekt.training.recipe.recipe import parse_recipe
from affekt.training.train import train
from fakes.backbones import TWO_BLOCKS
from fakes.reading import samples_of
from fakes.recipes import LABELS, content_of

pytestmark = pytest.mark.usefixtures("traced_once")
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
OPTIONS = ExportOptions("mine", "fp32", licence="CC0-1.0", metrics=FIGURES)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, faces: Manifest) -> Path:
    """``best.safetensors`` of a network that has learnt the drawn faces."""
    face = {"backbone": TWO_BLOCKS, "weights": "random", "size": 32, "train": "all"}
    content = content_of(
        tmp_path_factory.mktemp("run"),
        faces,
        streams={"face": face},
        fusion={"kind": "none", "dropout": 0.1},
        heads={"primary": {"labels": list(LABELS)}},
    )
    return train(parse_recipe(content))


@pytest.fixture(scope="module")
def crops(trained: Path, faces: Manifest) -> ImageRgb:
    _, sample = samples_of(load_network(trained), [faces.path], "val")
    return np.ascontiguousarray(sample.images()["face"].numpy().transpose(0, 2, 3, 1))


def torch_logits(network: Network, crops: ImageRgb) -> np.ndarray:
    inputs = torch.from_numpy(crops.transpose(0, 3, 1, 2).copy())[:, None]
    present = {"face": torch.ones(len(crops), dtype=torch.bool)}
    with torch.inference_mode():
        return network({"face": inputs}, present)["primary"].numpy()


@pytest.mark.parametrize(
    ("precision", "stored", "tolerance"),
    [
        ("fp32", TensorProto.FLOAT, 1e-4),
        ("fp16", TensorProto.FLOAT16, 0.02),
        ("int8", TensorProto.INT8, 0.6),
    ],
)
def test_a_bundle_says_what_torch_says(
    trained: Path, faces: Manifest, crops: ImageRgb, tmp_path: Path, *,
    precision: str, stored: int, tolerance: float,
) -> None:  # fmt: skip
    export_network(trained, tmp_path / "b", [faces], replace(OPTIONS, precision=precision))
    bundle = read_bundle(tmp_path / "b")
    model, network = CropModel(bundle), load_network(trained)
    expected, found = torch_logits(network, crops), model.logits(crops)
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert np.abs(found[:1] - model.logits(crops[:1])).max() < 1e-4  # a batch of any size
    with torch.inference_mode():
        again = network.heads.output("primary")(torch.from_numpy(model.features(crops))).numpy()
    np.testing.assert_allclose(again, expected, atol=tolerance)
    head, probabilities = bundle.info.outputs["primary"], model.probabilities(crops)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(probabilities, softmax(found, head.temperature), rtol=1e-5)
    made = bundle.info.training["export"]
    assert made["precision"] == precision
    assert made["torch_agreement"]["subjects"] == 9
    assert made["torch_agreement"]["primary"]["max_logit_difference"] <= 2 * tolerance
    assert made["calibrated_on"] == {"primary": {"drawn": 9}}
    assert head.temperature > 0
    weights = [t for t in onnx.load(bundle.model_path).graph.initializer if len(t.dims) == 4]
    assert weights and all(tensor.data_type == stored for tensor in weights)


def test_a_part_of_the_labels_gives_the_probabilities_given_these(
    trained: Path, faces: Manifest, crops: ImageRgb, tmp_path: Path
) -> None:
    kept = ("neutral", "anger")
    bundle = export_network(trained, tmp_path / "b", [faces], replace(OPTIONS, labels=kept))
    assert bundle.info.outputs["primary"].labels == kept
    whole = softmax(torch_logits(load_network(trained), crops))[:, [2, 0]]
    found = softmax(CropModel(bundle).logits(crops))
    np.testing.assert_allclose(found, whole / whole.sum(axis=1, keepdims=True), atol=1e-4)


def test_a_mirrored_model_means_both_sides_of_a_face(
    trained: Path, faces: Manifest, crops: ImageRgb, tmp_path: Path
) -> None:
    plain = CropModel(export_network(trained, tmp_path / "a", [faces], OPTIONS))
    both = export_network(trained, tmp_path / "b", [faces], replace(OPTIONS, mirror=True))
    expected = (plain.logits(crops) + plain.logits(crops[:, :, ::-1])) / 2
    np.testing.assert_allclose(CropModel(both).logits(crops), expected, atol=1e-4)
    assert np.abs(expected - plain.logits(crops)).max() > 1e-3
    assert "mean of the crop and its mirror image" in (both.folder / "CARD.md").read_text()


def test_a_prior_shifts_every_logit_by_its_share_of_the_log_prior(
    trained: Path, faces: Manifest, crops: ImageRgb, tmp_path: Path,
    write_faces: Callable[..., Manifest],
) -> None:  # fmt: skip
    few = write_faces(tmp_path / "few", "few", ("anger",), {"train": 1})
    options = replace(OPTIONS, prior=0.5, prior_manifest=few)
    bundle = export_network(trained, tmp_path / "b", [faces], options)
    expected = torch_logits(load_network(trained), crops) + 0.5 * np.log([1.0, 1e-4, 1e-4])
    np.testing.assert_allclose(CropModel(bundle).logits(crops), expected, atol=1e-3)
    assert bundle.info.training["export"]["prior_manifest"] == "few"


def test_the_card_says_what_it_is_made_from_and_for(
    trained: Path, faces: Manifest, tmp_path: Path
) -> None:
    bundle = export_network(trained, tmp_path / "b", [faces], OPTIONS)
    card = (bundle.folder / "CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# mine\n")
    assert "Licence of the weights: CC0-1.0" in card
    for heading in ("## Intended use", "## Prohibited use", "## Limits", "## How it was made"):
        assert heading in card
    assert f"encoder face: {TWO_BLOCKS}, first weights random, trained: all" in card
    assert "primary fitted on: drawn (9)" in card
    recipe = json.loads(card.split("```json")[1].split("```")[0])
    assert recipe["optim"]["lr"] == 1e-2
    assert recipe["streams"]["face"]["backbone"] == TWO_BLOCKS
    assert "| accuracy | 0.7500 | 0.6000 to 0.9000 |" in card
    assert "| recall of anger (n = 4) | 0.5000 | 0.1000 to 0.9000 |" in card
    assert "recall of fear" not in card
    assert bundle.info.metrics == FIGURES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"precision": "fp61"}, "unknown precision 'fp61': did you mean 'fp16'"),
        ({"head_precision": "int8"}, "unknown precision 'int8'"),
        ({"labels": ("anger", "fear")}, "label 'fear': .*known: anger, happiness, neutral"),
        ({"prior": 1.0}, "a prior strength needs the manifest"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    trained: Path, faces: Manifest, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        export_network(trained, tmp_path / "b", [faces], replace(OPTIONS, **change))  # type: ignore[arg-type]
    assert not (tmp_path / "b").exists()


def test_a_checkpoint_that_is_no_network_is_refused(faces: Manifest, tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(b"garbage")
    with pytest.raises(BundleError, match="not a network saved by affekt train"):
        export_network(tmp_path / "best.safetensors", tmp_path / "b", [faces], OPTIONS)


def test_a_model_that_disagrees_with_torch_is_not_written(
    trained: Path, faces: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversion that spoils the weights, as a broken quantiser would."""

    def spoil(model: bytes, inputs: object) -> bytes:
        loaded = onnx.load_from_string(model)
        for tensor in loaded.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2:
                values = onnx.numpy_helper.to_array(tensor)
                tensor.CopyFrom(onnx.numpy_helper.from_array(-values, tensor.name))
        return bytes(loaded.SerializeToString())

    monkeypatch.setitem(precisions.PRECISIONS, "int8", spoil)
    with pytest.raises(BundleError, match=r"less than 90\.0%; nothing was written"):
        export_network(trained, tmp_path / "b", [faces], replace(OPTIONS, precision="int8"))
    assert not (tmp_path / "b").exists()
