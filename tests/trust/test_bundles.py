"""Bundles and detector files, damaged: what they say of themselves, and their networks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from affekt.bundle import Bundle, Dimensional, MultiLabel, read_bundle
from affekt.cli.models import figures_line
from affekt.errors import BundleError, UsageError
from affekt.inference.find.yunet import KINDS, STRIDES, YuNetDetector
from affekt.inference.read.crop_model import CropModel
from affekt.inference.read.model import Model
from affekt.inference.read.views import People
from affekt.inference.yolox import YoloxDetector
from fakes.feeding import MANY, feed_all, write_then
from fakes.mutations import mutate_bytes, mutate_json
from fakes.networks import fixed_model

SIDE = 64


def ask(bundle: Bundle) -> None:
    """A face model answers with shares that sum to 1, or not at all."""
    model = CropModel(bundle, threads=1)
    crops = np.arange(2 * model.size**2 * 3, dtype=np.uint32) % 251
    shares = model.probabilities(crops.astype(np.uint8).reshape(2, model.size, model.size, 3))
    assert shares.shape == (2, len(bundle.info.outputs["primary"].labels))
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5) and (shares >= 0).all()


@pytest.fixture
def copy(tiny_bundle: Bundle, tmp_path: Path) -> Path:
    for name in ("model.onnx", "CARD.md", "bundle.json"):
        (tmp_path / name).write_bytes((tiny_bundle.folder / name).read_bytes())
    return tmp_path


def test_descriptions_of_bundles(copy: Path) -> None:
    def read(path: Path) -> None:
        bundle = read_bundle(path.parent)
        ask(bundle)
        assert all(figures_line(figures) for figures in bundle.info.metrics.values())

    plain = json.loads((copy / "bundle.json").read_bytes())
    figures = {"split": "test", "n": 9, "accuracy": 0.75, "accuracy_ci95": [0.5, 1.0]}
    plain |= {"metrics": {"FER+": figures}, "needs": {"face": "0" * 64}}
    (copy / "bundle.json").write_text(json.dumps(plain))
    read(copy / "bundle.json")
    feed_all(mutate_json(plain, MANY), write_then(copy / "bundle.json", read), BundleError)


def test_descriptions_of_context_bundles(
    write_context: Callable[..., Bundle], tmp_path: Path
) -> None:
    folder = write_context(tmp_path / "a").folder
    image = np.full((48, 64, 3), 90, np.uint8)

    def read(path: Path) -> None:
        model = Model(read_bundle(path.parent), 1)
        said = model.run([model.take(People(image, [(4.0, 2.0, 40.0, 46.0)], [None]))]).values
        for name, head in model.heads.items():
            low, high = head.range if isinstance(head, Dimensional) else (0, 1)
            unseen = np.isnan(said[name]) & (name == "primary")
            assert (unseen | ((said[name] >= low) & (said[name] <= high))).all()
            thresholds = head.thresholds if isinstance(head, MultiLabel) else {}
            assert all(0 <= value <= 1 for value in thresholds.values())

    plain = json.loads((folder / "bundle.json").read_bytes())
    feed_all(mutate_json(plain, MANY), write_then(folder / "bundle.json", read), BundleError)


def test_graphs_of_bundles(copy: Path) -> None:
    plain = json.loads((copy / "bundle.json").read_bytes())

    def read(path: Path) -> None:
        plain["files"]["model.onnx"] = hashlib.sha256(path.read_bytes()).hexdigest()
        (copy / "bundle.json").write_text(json.dumps(plain))
        ask(read_bundle(copy))

    content = (copy / "model.onnx").read_bytes()
    feed_all(mutate_bytes(content, MANY), write_then(copy / "model.onnx", read), BundleError)


def yunet() -> bytes:
    """A YuNet that finds a face in every cell of the coarsest level, of any picture."""
    nodes, tensors = [], {"shape": np.array([0, 0, -1], np.int64)}
    for stride in STRIDES:
        pool = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
        nodes.append(helper.make_node("AveragePool", ["input"], [f"at_{stride}"], **pool))
        for kind, width in KINDS.items():
            name = f"{kind}_{stride}"
            sure = 0.9 if kind in ("cls", "obj") and stride == max(STRIDES) else 0.0
            tensors[f"{name}_w"] = np.zeros((width, 3, 1, 1), np.float32)
            tensors[f"{name}_b"] = np.full(width, sure, np.float32)
            layer = [f"at_{stride}", f"{name}_w", f"{name}_b"]
            nodes += [
                helper.make_node("Conv", layer, [f"{name}_map"]),
                helper.make_node("Reshape", [f"{name}_map", "shape"], [f"{name}_row"]),
                helper.make_node("Transpose", [f"{name}_row"], [name], perm=[0, 2, 1]),
            ]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])
    names = [(f"{kind}_{stride}", width) for stride in STRIDES for kind, width in KINDS.items()]
    gives = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, f"{name}_n", width])
        for name, width in names
    ]
    weights = [numpy_helper.from_array(values, name) for name, values in tensors.items()]
    graph = helper.make_graph(nodes, "yunet", [given], gives, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def yolox() -> bytes:
    """A YOLOX of one class that finds one person in any picture."""
    raw = np.zeros((1, sum((SIDE // stride) ** 2 for stride in STRIDES), 6), np.float32)
    raw[0, 70, 4:] = 0.9
    return fixed_model("images", (1, 3, SIDE, SIDE), {"output": raw})


@pytest.mark.parametrize(("make", "load"), [(yunet, YuNetDetector), (yolox, YoloxDetector)])
def test_detectors(
    make: Callable[[], bytes], load: type[YuNetDetector] | type[YoloxDetector], tmp_path: Path
) -> None:
    image = np.full((SIDE, SIDE, 3), 90, np.uint8)

    def read(path: Path) -> int:
        detector = load(path, 1)
        try:
            found = detector.detect(image)
        except BundleError:  # it could be opened, and fails or gives nonsense
            return 0
        for each in found:
            x1, y1, x2, y2 = each.box_xyxy
            assert 0 <= x1 < x2 <= SIDE and 0 <= y1 < y2 <= SIDE and 0 < each.score <= 1
        return len(found)

    path = tmp_path / "detector.onnx"
    path.write_bytes(make())
    assert read(path) >= 1
    feed_all(mutate_bytes(make(), MANY), write_then(path, read), UsageError)
