"""ONNX Runtime, which no other module imports: see `affekt.privacy`."""

from __future__ import annotations

import os
import sys
from typing import Any

from affekt.privacy import send_nothing

_TOO_LATE = "onnxruntime" in sys.modules and "ORT_DISABLE_TELEMETRY" not in os.environ
send_nothing()

import onnxruntime  # noqa: E402

if _TOO_LATE:  # the program around has imported it: what is not sent yet can be withheld
    onnxruntime.disable_telemetry_events()

InferenceSession, SessionOptions = onnxruntime.InferenceSession, onnxruntime.SessionOptions


def quantization() -> Any:
    """``onnxruntime.quantization``; it needs the package onnx, of the ``train`` extra."""
    from onnxruntime import quantization as tools  # noqa: PLC0415
    from onnxruntime.quantization import shape_inference  # noqa: F401, PLC0415 (an attribute of it)

    return tools
