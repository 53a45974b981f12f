"""YuNet files: what is one, and how its outputs are read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import affekt
from affekt.errors import UsageError
from affekt.inference.find.faces import load_face_detector
from affekt.inference.find.found import MAYBE
from affekt.inference.find.yunet import (
    KINDS,
    MOST_LOG,
    STRIDES,
    YuNetDetector,
    decode_yunet,
)
from fakes.networks import fixed_model


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


def level(cells: int, **values: object) -> list[np.ndarray]:
    """One level's outputs: zeros, but for cell 0 where a kind's numbers are given."""
    arrays = {kind: np.zeros((1, cells, width), np.float32) for kind, width in KINDS.items()}
    for kind, numbers in values.items():
        arrays[kind][0, 0] = numbers
    return list(arrays.values())


@pytest.mark.parametrize(
    ("cls", "obj", "score"),
    [
        (MAYBE, MAYBE, MAYBE), (MAYBE - 0.001, MAYBE, None), (1.0, 4.0, 1.0), (4.0, 0.25, 0.5),
        (-1.0, -1.0, None), (1.0, 0.25, 0.5),
    ],
)  # fmt: skip
def test_a_score_is_the_mean_of_two_and_may_be_a_face_from_the_least(
    cls: float, obj: float, score: float | None
) -> None:
    found = decode_yunet(level(4, cls=cls, obj=obj), 8, 2)
    assert found.scores.tolist() == ([] if score is None else [pytest.approx(score)])


@pytest.mark.parametrize("log", [MOST_LOG - 1, MOST_LOG, MOST_LOG + 1, 1e9])
def test_the_largest_size_has_an_end(log: float) -> None:
    found = decode_yunet(level(4, cls=1, obj=1, bbox=(0, 0, log, 0)), 8, 2)
    width = found.boxes_xyxy[0, 2] - found.boxes_xyxy[0, 0]
    assert width == pytest.approx(8 * math.exp(min(log, MOST_LOG)), rel=1e-5)


def yunet_file(folder: Path, side: int, lacking: str = "") -> Path:
    """A file that sees a face of 32 pixels in the middle of the first 32 x 32 of that square."""
    outputs = {}
    for stride in STRIDES:
        cells = (side // stride) ** 2
        seen = {"cls": 1, "obj": 0.81, "bbox": (0.5, 0.5, 0, 0)} if stride == 32 else {}
        arrays = zip(KINDS, level(cells, **seen), strict=True)
        outputs |= {f"{kind}_{stride}": array for kind, array in arrays}
    outputs.pop(lacking, None)
    path = folder / "yunet.onnx"
    path.write_bytes(fixed_model("input", (1, 3, "height", "width"), outputs))
    return path


@pytest.mark.parametrize(("height", "width"), [(96, 96), (65, 90), (96, 65)])
def test_a_picture_is_padded_to_whole_cells(tmp_path: Path, height: int, width: int) -> None:
    detector = YuNetDetector(yunet_file(tmp_path, 96), 1)
    faces = detector.detect(np.zeros((height, width, 3), np.uint8))
    assert [face.box_xyxy for face in faces] == [(0, 0, 32, 32)]
    assert faces[0].score == pytest.approx(0.9)


def test_a_file_of_another_grid_is_told_when_it_is_run(tmp_path: Path) -> None:
    detector = YuNetDetector(yunet_file(tmp_path, 96), 1)
    with pytest.raises(UsageError, match=r"not a YuNet model, at stride 8 it gives \[\(1, 144, 1"):
        detector.detect(np.zeros((97, 96, 3), np.uint8))


@pytest.mark.parametrize("lacking", ["cls_8", "obj_16", "bbox_16", "kps_32"])
def test_every_output_is_needed(tmp_path: Path, lacking: str) -> None:
    with pytest.raises(UsageError, match=f"it has no output '{lacking}'"):
        YuNetDetector(yunet_file(tmp_path, 96, lacking))
