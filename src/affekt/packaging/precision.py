"""How an ONNX model's weights are stored: fp32, fp16 or int8."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from affekt.arrays import FloatArray32
from affekt.errors import UsageError, nearest
from affekt.inference.engine import quantization

HALF_MIN_VALUES = 64
"""Smaller tensors stay in single precision: they weigh nothing."""


def convert(model: bytes, precision: str, inputs: Callable[[], FloatArray32]) -> bytes:
    """The same model in another precision.

    Args:
        model: of one input, in single precision.
        precision: one of `PRECISIONS`.
        inputs: gives a few hundred real inputs, which int8 takes its ranges from.
    """
    return PRECISIONS[precision](model, inputs)


def check_precision(name: str, known: tuple[str, ...] = ("fp32", "fp16", "int8")) -> None:
    """Refuses an unknown one.

    Raises:
        UsageError: it names the nearest.
    """
    if name not in known:
        raise UsageError(f"unknown precision {name!r}: {nearest(name, known)}")


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


PRECISIONS: dict[str, Callable[[bytes, Callable[[], FloatArray32]], bytes]] = {
    "fp32": lambda model, inputs: model,
    "fp16": lambda model, inputs: store_half(model),
    "int8": lambda model, inputs: quantize(model, inputs()),
}
"""By name."""
