"""A network as ONNX bytes, in single precision."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn


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


def _takes_any_number(network: nn.Module) -> bool:
    parameters = inspect.signature(network.forward).parameters.values()
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
