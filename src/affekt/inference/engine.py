"""ONNX Runtime, which no other module imports: it must be told to be quiet before its import.

Since 1.32 it writes an identifier and a database of events below the home folder, and sends them
to Microsoft, unless ``ORT_DISABLE_TELEMETRY`` is set when it is imported. A value that the user has
set is left alone.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_CHOSEN = "ORT_DISABLE_TELEMETRY" in os.environ
_EARLIER = "onnxruntime" in sys.modules
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # noqa: E402

if _EARLIER and not _CHOSEN:  # by the program around: what it has not sent yet can be withheld
    onnxruntime.disable_telemetry_events()

InferenceSession, SessionOptions = onnxruntime.InferenceSession, onnxruntime.SessionOptions


def quantization() -> Any:
    """``onnxruntime.quantization``; it needs the package onnx, of the ``train`` extra."""
    from onnxruntime import quantization as tools  # noqa: PLC0415
    from onnxruntime.quantization import shape_inference  # noqa: F401, PLC0415 (an attribute of it)

    return tools
