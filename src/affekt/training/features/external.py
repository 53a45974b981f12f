"""Another bundle as the frozen encoder of a stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.bundle import FROM_BUNDLE, MODEL_FILE, find_bundle
from affekt.errors import BundleError
from affekt.inference.read.crop_model import CropModel
from affekt.models.build import ExternalEncoder


class BundleEncoder:
    """Features from uint8 crops by ONNX Runtime, exactly those of the finished predictor."""

    def __init__(self, model: CropModel) -> None:
        self.model = model

    def __deepcopy__(self, copied: dict[int, Any]) -> BundleEncoder:
        """Itself: a session cannot be copied, and nothing in it changes."""
        return self

    def __call__(self, crops: Tensor) -> Tensor:
        """Features of crops (n, 3, size, size), shape (n, width), on the crops' device."""
        faces = np.ascontiguousarray(crops.cpu().numpy().transpose(0, 2, 3, 1))
        return torch.from_numpy(self.model.features(faces)).to(crops.device)


def bundle_encoder(name: str, stream: str) -> ExternalEncoder:
    """The encoder that a recipe names.

    Args:
        name: of a bundle of one stream, or its folder.
        stream: that is to take it.

    Raises:
        BundleError: no such bundle, not of such crops alone, or one that gives no features.
    """
    bundle = find_bundle(name)
    model = CropModel(bundle)
    if model.spec.kind != stream:
        raise BundleError(f"{name}: reads a {model.spec.kind}, and no {stream}")
    spec = replace(model.spec, encoder=f"{FROM_BUNDLE}{bundle.info.name}")
    encode = BundleEncoder(model)
    blank = torch.zeros(1, 3, spec.size, spec.size, dtype=torch.uint8)
    return ExternalEncoder(encode, spec, encode(blank).shape[1], bundle.info.files[MODEL_FILE])
