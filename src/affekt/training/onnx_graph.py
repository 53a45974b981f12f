"""A network as ONNX bytes: traced, then stored small."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

INPUT, OUTPUT = "face", "logits"
HALF_MIN_VALUES = 64
"""Smaller tensors stay in single precision: they weigh nothing."""


def trace(network: nn.Module, size: int) -> bytes:
    """The network in single precision, for batches of any size.

    Args:
        network: in evaluation mode; takes float (n, 3, size, size).
        size: side of the input in pixels.
    """
    program = torch.onnx.export(
        network,
        (torch.zeros(2, 3, size, size),),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("n")},),
        dynamo=True,
        verbose=False,
    )
    return bytes(cast(Any, program).model_proto.SerializeToString())


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


def quantize(model: bytes, calibration: npt.NDArray[np.float32], batch: int = 64) -> bytes:
    """The same model with int8 weights (per channel) and activations, in QDQ form.

    Args:
        model: from `trace`.
        calibration: normalised inputs, shape (n, 3, size, size), a few hundred real faces.
        batch: inputs that are calibrated at once.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, small = (Path(folder) / name for name in ("a.onnx", "b.onnx", "c.onnx"))
        plain.write_bytes(model)
        quant_pre_process(str(plain), str(prepared))
        quantize_static(
            str(prepared),
            str(small),
            _Batches(calibration, batch),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibMovingAverage": True},
        )
        return small.read_bytes()


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    """Hands the calibration inputs to ONNX Runtime's quantiser."""

    def __init__(self, inputs: npt.NDArray[np.float32], batch: int) -> None:
        self._batches: Iterator[npt.NDArray[np.float32]] = (
            inputs[i : i + batch] for i in range(0, len(inputs), batch)
        )

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, None at the end."""
        following = next(self._batches, None)
        return None if following is None else {INPUT: following}
