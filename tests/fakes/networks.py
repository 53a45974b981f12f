"""Small ONNX networks with fixed weights, in the forms that bundles hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto, helper, numpy_helper

TINY_SIZE = 32


def tiny_model(labels: tuple[str, ...], size: int = TINY_SIZE, seed: int = 0) -> bytes:
    """An ONNX face model: the mean colours of a 4 x 4 grid, then one fixed random linear layer.

    Its features are the 48 means.
    """
    generator = np.random.default_rng(seed)
    weights = generator.normal(0, 0.5, (48, len(labels))).astype(np.float32)
    bias = generator.normal(0, 0.1, len(labels)).astype(np.float32)
    cell = size // 4
    nodes = [
        helper.make_node(
            "AveragePool", ["face"], ["grid"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Flatten", ["grid"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
        helper.make_node("Identity", ["flat"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, ["n", 3, size, size])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(labels)]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 48]),
        ],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def tiny_encoder(size: int = TINY_SIZE) -> bytes:
    """An ONNX encoder whose features are the mean colours of a 4 x 4 grid."""
    cell = size // 4
    nodes = [
        helper.make_node(
            "AveragePool", ["crop"], ["grid"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Flatten", ["grid"], ["features"]),
    ]
    inputs = [helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["n", 3, size, size])]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 48])]
    graph = helper.make_graph(nodes, "tiny encoder", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


TINY_INPUTS = {"face": 48, "has_face": 1, "body": 48, "scene": 48, "geometry": 13}


def tiny_head(inputs: Mapping[str, int] = TINY_INPUTS, seed: int = 0) -> bytes:
    """An ONNX head: all inputs side by side, then one fixed random linear layer per output."""
    generator = np.random.default_rng(seed)
    nodes = [helper.make_node("Concat", [*inputs], ["all"], axis=1)]
    tensors = []
    for name, width, bias in (("categories", 26, 0.0), ("vad", 3, 5.5)):
        weights = generator.normal(0, 0.15, (sum(inputs.values()), width)).astype(np.float32)
        tensors.append(numpy_helper.from_array(weights, f"{name}_weights"))
        tensors.append(numpy_helper.from_array(np.full(width, bias, np.float32), f"{name}_bias"))
        nodes.append(helper.make_node("Gemm", ["all", f"{name}_weights", f"{name}_bias"], [name]))
    graph = helper.make_graph(
        nodes,
        "tiny head",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", w]) for n, w in inputs.items()],
        [
            helper.make_tensor_value_info("categories", TensorProto.FLOAT, ["n", 26]),
            helper.make_tensor_value_info("vad", TensorProto.FLOAT, ["n", 3]),
        ],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def fixed_model(takes: str, shape: tuple[int | str, ...], gives: Mapping[str, np.ndarray]) -> bytes:
    """An ONNX model that gives the same outputs whatever it sees.

    Args:
        takes: the name of its input.
        shape: of its input.
        gives: its outputs by name.
    """
    nodes = [
        helper.make_node("ReduceMin", [takes], ["least"], keepdims=0),
        helper.make_node("Mul", ["least", "zero"], ["nothing"]),
        *(helper.make_node("Add", [f"{name}_is", "nothing"], [name]) for name in gives),
    ]
    tensors = {"zero": np.zeros((), np.float32)} | {f"{n}_is": v for n, v in gives.items()}
    graph = helper.make_graph(
        nodes,
        "fixed",
        [helper.make_tensor_value_info(takes, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in gives.items()],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())
