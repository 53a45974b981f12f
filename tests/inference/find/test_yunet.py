"""YuNet files: what is one, and how its outputs are read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import affekt
from affekt.errors import UsageError
from affekt.inference.find.faces import load_face_detector
from affekt.inference.find.yunet import YuNetDetector, decode_yunet


def test_yunet_s_outputs_are_decoded_as_the_paper_says() -> None:
    columns, cells, stride = 4, 12, 16
    cls, obj = np.zeros((1, cells, 1), np.float32), np.zeros((1, cells, 1), np.float32)
    bbox, kps = np.zeros((1, cells, 4), np.float32), np.zeros((1, cells, 10), np.float32)
    cls[0, 6], obj[0, 6] = 0.81, 1.0  # column 2, row 1
    bbox[0, 6] = (0.5, 0.25, math.log(2), math.log(3))
    kps[0, 6, :2] = (-0.5, 1.5)
    found = decode_yunet([cls, obj, bbox, kps], stride, columns)
    assert np.allclose(found.boxes_xyxy, [[24, -4, 56, 44]])
    assert np.allclose(found.scores, [0.9])
    assert found.landmarks_xy[0, 0].tolist() == [24, 40]


def test_a_yunet_file_must_be_one(tiny_bundle: affekt.Bundle, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        load_face_detector(tmp_path / "missing.onnx")
    with pytest.raises(UsageError, match="not a YuNet model, it has no output"):
        load_face_detector(tiny_bundle.model_path)
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(UsageError, match="not a model"):
        YuNetDetector(tmp_path / "text.onnx")
