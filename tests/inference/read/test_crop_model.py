"""The model of a crop in ONNX Runtime equals the same two layers written in numpy."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from affekt.bundle import Bundle, SingleLabel, find_bundle, write_bundle
from affekt.errors import BundleError
from affekt.inference.read.crop_model import CropModel
from affekt.inference.read.networks import CHUNK_PIXELS
from affekt.inference.session import open_session
from affekt.labels import CATEGORIES

CHUNK = CHUNK_PIXELS // 32**2
"""Crops of the tiny model that go through it at once."""


def crops(count: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def by_hand(bundle: Bundle, faces: np.ndarray) -> np.ndarray:
    """Logits of the tiny model of the tests, from its weights, in float64."""
    weights, bias = (
        numpy_helper.to_array(t).astype(float)
        for t in onnx.load(bundle.model_path).graph.initializer
    )
    return features_by_hand(bundle, faces) @ weights + bias


def features_by_hand(bundle: Bundle, faces: np.ndarray) -> np.ndarray:
    spec = bundle.info.streams["face"]
    x = ((faces / 255 - spec.mean) / spec.std).transpose(0, 3, 1, 2)
    cell = spec.size // 4
    grid = x.reshape(len(x), 3, 4, cell, 4, cell).mean(axis=(3, 5))
    return grid.reshape(len(x), 48)


@pytest.mark.parametrize("count", [0, 1, CHUNK, 2 * CHUNK + 3])
def test_logits_equal_numpy(tiny_bundle: Bundle, count: int) -> None:
    model = CropModel(tiny_bundle, threads=1)
    faces = crops(count, model.size)
    logits = model.logits(faces)
    assert logits.shape == (count, 7) and logits.dtype == np.float32
    assert np.allclose(logits, by_hand(tiny_bundle, faces), atol=1e-4)


def test_probabilities_are_the_softmax_after_temperature(tiny_bundle: Bundle) -> None:
    model = CropModel(tiny_bundle, threads=1)
    faces = crops(5, model.size)
    powers = np.exp(by_hand(tiny_bundle, faces) / 1.5)
    assert np.allclose(model.probabilities(faces), powers / powers.sum(1, keepdims=True), atol=1e-5)
    assert model.probabilities(faces[:0]).shape == (0, 7)


@pytest.mark.parametrize("count", [0, CHUNK + 1])
def test_features_equal_numpy(tiny_bundle: Bundle, count: int) -> None:
    model = CropModel(tiny_bundle, threads=1)
    faces = crops(count, model.size)
    features = model.features(faces)
    assert np.allclose(features, features_by_hand(tiny_bundle, faces), atol=1e-4)
    assert features.shape == (count, 48)


def test_a_model_without_features_still_gives_probabilities(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    plain = onnx.load(tiny_bundle.model_path)
    del plain.graph.output[1], plain.graph.node[-1]
    files = {"model.onnx": plain.SerializeToString(), "CARD.md": b""}
    model = CropModel(write_bundle(tmp_path / "old", tiny_bundle.info, files), threads=1)
    faces = crops(3, model.size)
    assert np.array_equal(model.logits(faces), CropModel(tiny_bundle, threads=1).logits(faces))
    with pytest.raises(BundleError, match=r"without the output 'features'.*affekt export"):
        model.features(faces)


def test_the_embedded_face_model_gives_features() -> None:
    model = CropModel(find_bundle("face"), threads=1)
    assert model.features(crops(2, model.size)).shape == (2, 1280)


def test_the_batch_does_not_matter(tiny_bundle: Bundle) -> None:
    model = CropModel(tiny_bundle, threads=1)
    faces = crops(4, model.size)
    one_by_one = np.concatenate([model.logits(faces[i : i + 1]) for i in range(4)])
    assert np.allclose(model.logits(faces), one_by_one, atol=1e-5)


def test_blue_may_come_first(tiny_bundle: Bundle, tmp_path: Path) -> None:
    model = onnx.load(tiny_bundle.model_path)
    faces = crops(3, 32)
    names = ("blue", "green", "red")
    model.graph.node.insert(0, helper.make_node("Split", ["face"], [*names], axis=1))
    turned = helper.make_node("Concat", [*names[::-1]], ["turned"], axis=1)
    model.graph.node.insert(1, turned)
    model.graph.node[2].input[0] = "turned"
    spec = replace(tiny_bundle.info.streams["face"], mean=(0.2, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    files = {"CARD.md": b"", "model.onnx": tiny_bundle.model_path.read_bytes()}
    plain = replace(tiny_bundle.info, inputs={"face": spec})
    expected = CropModel(write_bundle(tmp_path / "rgb", plain, files), threads=1).logits(faces)
    bgr = replace(plain, inputs={"face": replace(spec, colour="BGR")})
    files["model.onnx"] = model.SerializeToString()
    found = CropModel(write_bundle(tmp_path / "bgr", bgr, files), threads=1).logits(faces)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_model_of_people_takes_more_than_a_crop(tiny_context: Bundle) -> None:
    with pytest.raises(BundleError, match="says categories, vad; expected a single-label head"):
        CropModel(tiny_context)
    heads = {"primary": SingleLabel(CATEGORIES, node="categories")}
    info = replace(tiny_context.info, outputs=heads, borrowed={})
    with pytest.raises(BundleError, match=r"takes face, body, scene.*a model of one crop alone"):
        CropModel(replace(tiny_context, info=info))


def test_a_file_that_is_no_model(tiny_bundle: Bundle, tmp_path: Path) -> None:
    files = {"model.onnx": b"not a model", "CARD.md": b""}
    broken = write_bundle(tmp_path / "broken", tiny_bundle.info, files)
    with pytest.raises(BundleError, match=r"model\.onnx: not a model that can be run") as error:
        CropModel(broken)
    assert "\n" not in str(error.value)
    with pytest.raises(BundleError, match=r"missing\.onnx: cannot be read"):
        open_session(tmp_path / "missing.onnx")


def test_wrong_names_of_inputs_are_said(tiny_bundle: Bundle, tmp_path: Path) -> None:
    model = onnx.load(tiny_bundle.model_path)
    model.graph.input[0].name = model.graph.node[0].input[0] = "pixels"
    folder = Path(shutil.copytree(tiny_bundle.folder, tmp_path / "b"))
    files = {"model.onnx": model.SerializeToString(), "CARD.md": b""}
    bundle = write_bundle(folder, tiny_bundle.info, files)
    with pytest.raises(BundleError, match=r"inputs \['pixels'\], but .* \['face'\]"):
        CropModel(bundle)
