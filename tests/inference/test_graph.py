"""ONNX files that may not end, or that take what no checksum covers, are refused before a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from affekt.bundle import EMBEDDED, Bundle, read_bundle, write_bundle
from affekt.errors import BundleError
from affekt.inference.graph import check_graph
from affekt.inference.read.crop_model import CropModel
from fakes.networks import tiny_model

FLOAT = TensorProto.FLOAT


def subgraph(name: str = "body") -> onnx.GraphProto:
    """What a loop does each time: it goes on."""
    inputs = [
        helper.make_tensor_value_info("count", TensorProto.INT64, []),
        helper.make_tensor_value_info("before", TensorProto.BOOL, []),
    ]
    after = helper.make_tensor_value_info("after", TensorProto.BOOL, [])
    return helper.make_graph(
        [helper.make_node("Identity", ["before"], ["after"])], name, inputs, [after]
    )


def add_loop(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.insert(0, helper.make_node("Loop", ["", "yes"], [], body=subgraph()))


def add_if(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    branches = {"then_branch": subgraph("a"), "else_branch": subgraph("b")}
    model.graph.node.insert(0, helper.make_node("If", ["yes"], ["x"], **branches))


def add_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["a"], ["b"])
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("mine", "Same", ["a"], ["b"], [node], opsets))


def move_weights(location: str) -> Callable[[onnx.ModelProto], None]:
    def move(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        onnx.external_data_helper.set_external_data(tensor, location)
        tensor.ClearField("raw_data")

    return move


def rewrite(bundle: Bundle, folder: Path, change: Callable[[onnx.ModelProto], None]) -> Bundle:
    """The bundle with another model, its checksum right."""
    model = onnx.load(bundle.model_path)
    weights = model.graph.initializer[0].raw_data
    change(model)
    folder.mkdir()
    (folder / "weights.bin").write_bytes(weights)
    (folder.parent / "weights.bin").write_bytes(weights)
    files = {"model.onnx": model.SerializeToString(), "CARD.md": b""}
    return write_bundle(folder, bundle.info, files)


@pytest.mark.parametrize("path", sorted(EMBEDDED.rglob("*.onnx")), ids=lambda p: p.parent.name)
def test_what_ships_is_accepted(path: Path) -> None:
    check_graph(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (add_loop, r"a graph of its own \(Loop, Scan or If\), which may never end"),
        (add_if, "a graph of its own"),
        (add_function, "defines operators of its own"),
        (move_weights("weights.bin"), "weights from 'weights.bin', which is no file of the bundle"),
        (move_weights("../weights.bin"), "takes weights from '../weights.bin'"),
        (move_weights("/etc/passwd"), "takes weights from '/etc/passwd'"),
        (move_weights("*/_ORT_MEM_ADDR_/*"), "takes weights from"),
    ],
)
def test_a_graph_that_cannot_be_trusted(
    tiny_bundle: Bundle, tmp_path: Path, change: Callable[[onnx.ModelProto], None], said: str
) -> None:
    bundle = rewrite(tiny_bundle, tmp_path / "b", change)
    with pytest.raises(BundleError, match=said) as error:
        CropModel(read_bundle(bundle.folder))
    assert "\n" not in str(error.value)


def test_weights_in_a_file_of_the_bundle_are_taken(tiny_bundle: Bundle, tmp_path: Path) -> None:
    model = onnx.load(tiny_bundle.model_path)
    weights = model.graph.initializer[0].raw_data
    move_weights("weights.bin")(model)
    files = {"model.onnx": model.SerializeToString(), "CARD.md": b"", "weights.bin": weights}
    moved = CropModel(write_bundle(tmp_path / "b", tiny_bundle.info, files), threads=1)
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    assert np.array_equal(moved.logits(crops), CropModel(tiny_bundle, threads=1).logits(crops))


def shape_input(*shape: int | str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info("face", FLOAT, shape))

    return change


def spoil(model: onnx.ModelProto) -> None:
    """NaN among the weights."""
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[0, 0] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "weights"))


def double_rows(model: onnx.ModelProto) -> None:
    """Every row twice."""
    model.graph.node[2].output[0] = "each"
    model.graph.node.append(helper.make_node("Concat", ["each", "each"], ["logits"], axis=0))


def other_labels(model: onnx.ModelProto) -> None:
    model.CopyFrom(onnx.load_from_string(tiny_model(("a", "b", "c"))))


def other_size(model: onnx.ModelProto) -> None:
    model.CopyFrom(onnx.load_from_string(tiny_model(("a",) * 7, size=64)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_size, r"takes tensor\(float\) \[n, 3, 64, 64\], but its crops are"),
        (shape_input(1, 3, 32, 32), r"\[1, 3, 32, 32\], but its crops are"),
        (shape_input("n", 3, 32), "not a model that can be run"),
        (other_labels, "output 'logits' is 3 wide, but 'primary' has 7 labels"),
        (double_rows, r"gives \[8, 7\] as 'logits', not \[4, 7\]"),
        (spoil, "gives numbers as 'logits' that are not finite"),
    ],
)
def test_a_graph_that_does_not_fit_its_description(
    tiny_bundle: Bundle, tmp_path: Path, change: Callable[[onnx.ModelProto], None], said: str
) -> None:
    bundle = rewrite(tiny_bundle, tmp_path / "b", change)
    with pytest.raises(BundleError, match=said) as error:
        CropModel(bundle, threads=1).probabilities(np.zeros((4, 32, 32, 3), np.uint8))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x00", b"hello", b"\xff" * 40, b"\x3a\x7f"])
def test_a_file_that_is_no_graph(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(BundleError, match="it is no ONNX file"):
        check_graph(tmp_path / "m.onnx")
