"""A face bundle as the frozen encoder of a context model's face stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.bundle import FROM_BUNDLE, MODEL_FILE, find_bundle
from affekt.inference.read.crop_model import CropModel
from affekt.models.context import ExternalEncoder


class FaceEncoder:
    """Features from uint8 face crops by ONNX Runtime, exactly those of the finished predictor."""

    def __init__(self, model: CropModel) -> None:
        self.model = model

    def __deepcopy__(self, copied: dict[int, Any]) -> FaceEncoder:
        """Itself: a session cannot be copied, and nothing in it changes."""
        return self

    def __call__(self, crops: Tensor) -> Tensor:
        """Features of crops (n, 3, size, size), shape (n, width), on the crops' device."""
        faces = np.ascontiguousarray(crops.cpu().numpy().transpose(0, 2, 3, 1))
        return torch.from_numpy(self.model.features(faces)).to(crops.device)


def face_encoder(name: str) -> ExternalEncoder:
    """The encoder that a recipe names.

    Args:
        name: of a face bundle, or its folder, perhaps after ``bundle:``.

    Raises:
        BundleError: no such bundle, not a face model, or one that gives no features.
    """
    bundle = find_bundle(name.removeprefix(FROM_BUNDLE))
    model = CropModel(bundle)
    stream = replace(model.spec, encoder=f"{FROM_BUNDLE}{bundle.info.name}")
    encode = FaceEncoder(model)
    blank = torch.zeros(1, 3, stream.size, stream.size, dtype=torch.uint8)
    return ExternalEncoder(encode, stream, encode(blank).shape[1], bundle.info.files[MODEL_FILE])
