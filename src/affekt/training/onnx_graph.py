"""A network as ONNX bytes: traced, then stored small."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from affekt.arrays import FloatArray32
from affekt.errors import BundleError
from affekt.inference.engine import quantization

INPUT, OUTPUT, FEATURES = "face", "logits", "features"
HALF_MIN_VALUES = 64
"""Smaller tensors stay in single precision: they weigh nothing."""


def trace(network: nn.Module, size: int) -> bytes:
    """The network in single precision, for batches of any size; outputs ``logits``, ``features``.

    Args:
        network: in evaluation mode; takes float (n, 3, size, size).
        size: side of the input in pixels.
    """
    return show_features(to_onnx(network, {INPUT: (3, size, size)}, [OUTPUT]))


def to_onnx(
    network: nn.Module, inputs: Mapping[str, tuple[int, ...]], outputs: Sequence[str]
) -> bytes:
    """Any network in single precision, for batches of any size.

    Args:
        network: in evaluation mode; takes as many float tensors.
        inputs: names, and shapes without the batch.
        outputs: names.
    """
    batch: list[Any] = [{0: torch.export.Dim("n")}]  # named once: the others are found equal
    batch += [{0: torch.export.Dim.DYNAMIC}] * (len(inputs) - 1)
    program = torch.onnx.export(
        network,
        tuple(torch.zeros(2, *shape) for shape in inputs.values()),
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=(tuple(batch),) if _takes_any_number(network) else tuple(batch),
        dynamo=True,
        verbose=False,
    )
    return bytes(cast(Any, program).model_proto.SerializeToString())


def show_features(model: bytes) -> bytes:
    """The same model with a second output ``features``: what its last linear layer reads.

    Only the graph's description grows, by one node without weights.

    Raises:
        BundleError: ``logits`` does not come from a linear layer.
    """
    graph_model = onnx.load_from_string(model)
    graph = graph_model.graph
    last = next((node for node in graph.node if OUTPUT in node.output), None)
    if last is None or last.op_type != "Gemm":
        raise BundleError(f"output {OUTPUT!r} does not come from one linear layer: no features")
    shapes = onnx.shape_inference.infer_shapes(graph_model).graph.value_info
    width = next(v for v in shapes if v.name == last.input[0]).type.tensor_type.shape.dim[1]
    batch = graph.output[0].type.tensor_type.shape.dim[0]
    shape = [batch.dim_param, width.dim_value]
    graph.node.append(helper.make_node("Identity", [last.input[0]], [FEATURES]))
    graph.output.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, shape))
    onnx.checker.check_model(graph_model)
    return bytes(graph_model.SerializeToString())


def store_half(model: bytes) -> bytes:
    """The same model with its weights stored as fp16, cast back to fp32 when it is loaded.

    The arithmetic stays fp32, which is what a CPU is fast at; only the file halves.
    """
    graph_model = onnx.load_from_string(model)
    graph = graph_model.graph
    kept, casts = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < HALF_MIN_VALUES:
            kept.append(tensor)
            continue
        half = f"{tensor.name}_half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [tensor.name], to=TensorProto.FLOAT))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(graph_model)
    return bytes(graph_model.SerializeToString())


def quantize(model: bytes, calibration: FloatArray32, batch: int = 64) -> bytes:
    """The same model with int8 weights (per channel) and activations, in QDQ form.

    Weights use seven of the eight bits: on processors without VNNI instructions the sum of two
    products would else overflow, and the model answer differently there.

    Args:
        model: from `trace`.
        calibration: normalised inputs, shape (n, 3, size, size), a few hundred real faces.
        batch: inputs that are calibrated at once.
    """
    tools = quantization()
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, small = (Path(folder) / name for name in ("a.onnx", "b.onnx", "c.onnx"))
        plain.write_bytes(model)
        tools.shape_inference.quant_pre_process(str(plain), str(prepared))
        tools.quantize_static(
            str(prepared),
            str(small),
            _Batches(_input_name(model), calibration, batch),
            quant_format=tools.QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            calibrate_method=tools.CalibrationMethod.MinMax,
            extra_options={"CalibMovingAverage": True},
        )
        return small.read_bytes()


class _Batches:
    """The calibration inputs, as the ``CalibrationDataReader`` of ONNX Runtime's quantiser."""

    def __init__(self, name: str, inputs: FloatArray32, batch: int) -> None:
        self._name = name
        self._batches: Iterator[FloatArray32] = (
            inputs[i : i + batch] for i in range(0, len(inputs), batch)
        )

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, None at the end."""
        following = next(self._batches, None)
        return None if following is None else {self._name: following}


def _input_name(model: bytes) -> str:
    return str(onnx.load_from_string(model).graph.input[0].name)


def _takes_any_number(network: nn.Module) -> bool:
    parameters = inspect.signature(network.forward).parameters.values()
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
