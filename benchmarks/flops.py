"""How much arithmetic a model takes, counted from its ONNX graph."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
from onnx import shape_inference


def count_flops(path: str | Path) -> int:
    """Floating-point operations of one input: twice the multiply-adds of Conv, Gemm and MatMul.

    Everything else (activations, biases, means) is left out, as is usual: a few percent.

    Args:
        path: an ONNX file whose first axis is the batch.

    Raises:
        ValueError: a shape that ONNX cannot infer.
    """
    model = onnx.load(str(path))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    for tensor in model.graph.output:
        tensor.type.tensor_type.shape.dim[0].ClearField("dim_param")
    del model.graph.value_info[:]  # written for a batch of any size
    graph = shape_inference.infer_shapes(model, strict_mode=True).graph
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        dims = value.type.tensor_type.shape.dim
        shapes.setdefault(value.name, [dim.dim_value for dim in dims])
    return sum(2 * _multiply_adds(node, shapes) for node in graph.node)


def _multiply_adds(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    if node.op_type == "Conv":  # each output value sums over one group's channels and the kernel
        terms = math.prod(shapes[node.input[1]][1:])
    elif node.op_type == "Gemm":
        transposed = any(item.name == "transA" and item.i for item in node.attribute)
        terms = shapes[node.input[0]][0 if transposed else 1]
    elif node.op_type == "MatMul":
        terms = shapes[node.input[0]][-1]
    else:
        return 0
    total = terms * math.prod(shapes[node.output[0]])
    if total == 0:
        raise ValueError(f"the shape of {node.output[0]!r} is not known")
    return total
