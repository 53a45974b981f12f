"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from affekt.bundle import Bundle, BundleInfo, StreamSpec, write_bundle
from affekt.data.manifest import FaceRow, Manifest, write_manifest
from affekt.labels import PRIMARY, PRIMARY_AND_CONTEMPT

TINY_SIZE = 32


def tiny_model(labels: tuple[str, ...], size: int = TINY_SIZE, seed: int = 0) -> bytes:
    """An ONNX face model: the mean colours of a 4 x 4 grid, then one fixed random linear layer."""
    generator = np.random.default_rng(seed)
    weights = generator.normal(0, 0.5, (48, len(labels))).astype(np.float32)
    bias = generator.normal(0, 0.1, len(labels)).astype(np.float32)
    cell = size // 4
    nodes = [
        helper.make_node(
            "AveragePool", ["face"], ["grid"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Flatten", ["grid"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(labels)])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of the real format whose model is two small layers with fixed random weights."""
    info = BundleInfo(
        name="tiny",
        kind="face",
        labels=PRIMARY,
        streams={"face": StreamSpec(TINY_SIZE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))},
        temperature=1.5,
        licence="CC0-1.0",
    )
    files = {"model.onnx": tiny_model(PRIMARY), "CARD.md": b"# tiny\n\nFor tests only.\n"}
    return write_bundle(tmp_path_factory.mktemp("models") / "tiny", info, files)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data that ``AFFEKT_TEST_DATA`` names; without it the test is skipped."""
    folder = os.environ.get("AFFEKT_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("AFFEKT_TEST_DATA names no folder")
    return Path(folder)


WriteFaces = Callable[..., Manifest]


def draw_face(generator: np.random.Generator, number: int, *, masked: bool = False) -> bytes:
    """A 40 x 40 PNG whose colour and stripes tell which label it has, or an ellipse on black."""
    rows, columns = np.mgrid[:40, :40]
    stripes = np.sin((rows if number % 2 else columns) * (0.3 + 0.25 * number)) * 60
    colour = 128 + 90 * np.cos(number + np.array([0.0, 2.1, 4.2]))
    pixels = stripes[..., None] + colour + generator.normal(0, 12, (40, 40, 3))
    if masked:
        pixels[((rows - 19.5) / 19) ** 2 + ((columns - 19.5) / 15) ** 2 > 1] = 0
    packed = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(packed, "PNG")
    return packed.getvalue()


@pytest.fixture(scope="session")
def write_faces() -> WriteFaces:
    """Writes a small manifest of drawn faces: ``write_faces(folder, source, labels, counts)``.

    ``counts`` gives the faces of each label by split; ``masked`` draws them on black.
    """

    def write(
        folder: Path,
        source: str = "drawn",
        labels: tuple[str, ...] = PRIMARY,
        counts: Mapping[str, int] | None = None,
        *,
        masked: bool = False,
    ) -> Manifest:
        generator = np.random.default_rng(len(source))
        rows = [
            FaceRow(
                id=f"{split}-{label}-{i}",
                source=source,
                split=split,
                width=40,
                height=40,
                box_xyxy=(2.0, 2.0, 38.0, 38.0),
                soft={label: 1.0},
                label=label,
                content=draw_face(generator, PRIMARY_AND_CONTEMPT.index(label), masked=masked),
            )
            for split, count in (counts or {"train": 4, "val": 2}).items()
            for label in labels
            for i in range(count)
        ]
        write_manifest(folder, rows, labels=PRIMARY_AND_CONTEMPT, root=".", note={})
        return Manifest.open(folder)

    return write
