"""A trained model on disk: weights, preprocessing, labels, calibration, provenance and card.

A bundle is a folder with ``model.onnx``, ``bundle.json`` and ``CARD.md``, and where it can be
trained on ``model.safetensors``; never a pickle. Labels travel by name, every file with its
SHA-256.
"""

from affekt.bundle.folder import (
    CARD_FILE,
    EMBEDDED,
    Bundle,
    bundle_folders,
    find_bundle,
    list_bundles,
    model_roots,
    read_bundle,
    user_models,
    write_bundle,
)
from affekt.bundle.inputs import (
    CROPS,
    FACE_RULE,
    NUMBERS,
    CropSize,
    Deviation,
    InputSpec,
    NumbersSpec,
    StreamSpec,
)
from affekt.bundle.outputs import Dimensional, Labels, MultiLabel, OutputSpec, SingleLabel
from affekt.bundle.spec import (
    FORMAT_VERSION,
    FROM_BUNDLE,
    INFO_FILE,
    MODEL_FILE,
    BundleInfo,
    describe,
    parse_info,
)

__all__ = [
    "CARD_FILE",
    "CROPS",
    "EMBEDDED",
    "FACE_RULE",
    "FORMAT_VERSION",
    "FROM_BUNDLE",
    "INFO_FILE",
    "MODEL_FILE",
    "NUMBERS",
    "Bundle",
    "BundleInfo",
    "CropSize",
    "Deviation",
    "Dimensional",
    "InputSpec",
    "Labels",
    "MultiLabel",
    "NumbersSpec",
    "OutputSpec",
    "SingleLabel",
    "StreamSpec",
    "bundle_folders",
    "describe",
    "find_bundle",
    "list_bundles",
    "model_roots",
    "parse_info",
    "read_bundle",
    "user_models",
    "write_bundle",
]
