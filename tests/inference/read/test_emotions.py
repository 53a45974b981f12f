"""Emotions are filled by head, and a new kind of input is one entry per room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from affekt.bundle import Bundle, BundleInfo, MultiLabel, SingleLabel, read_bundle, write_bundle
from affekt.bundle.inputs import INPUT_KINDS
from affekt.errors import BundleError
from affekt.inference.read.emotions import EmotionReader
from affekt.inference.read.views import VIEWS, People, Taken
from affekt.labels import CATEGORIES, PRIMARY
from affekt.results import Emotion, Face

WriteContext = Callable[..., Bundle]

IMAGE = np.random.default_rng(0).integers(0, 256, (62, 80, 3), dtype=np.uint8)
PEOPLE = People(
    IMAGE,
    [(5.0, 8.0, 40.0, 58.0), (42.0, 4.0, 76.0, 60.0)],
    [Face((10.0, 10.0, 30.0, 36.0), 0.9), None],
)


def read(bundle: Bundle) -> list[Emotion]:
    reader = EmotionReader(bundle, threads=1)
    return reader.read([reader.take(PEOPLE)])


def test_every_head_fills_its_fields(tiny_context: Bundle) -> None:
    seen, unseen = read(tiny_context)
    head = tiny_context.info.outputs["categories"]
    assert isinstance(head, MultiLabel)
    assert seen.primary is not None and [*seen.primary] == [*PRIMARY] and unseen.primary is None
    for emotion in (seen, unseen):
        said = emotion.categories
        assert said is not None and [*said] == [*CATEGORIES]
        assert emotion.category_labels == tuple(n for n in said if said[n] >= head.thresholds[n])
        assert emotion.valence is not None and 1 <= emotion.valence <= 10
        assert emotion.spread is None


def test_without_thresholds_and_other_heads_fields_are_none(
    write_context: WriteContext, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    outputs = {"categories": MultiLabel(CATEGORIES)}
    seen, _ = read(write_context(tmp_path / "a", outputs=outputs, borrowed={}))
    assert seen.categories is not None and seen.category_labels is None
    assert seen.primary is None and seen.valence is None
    assert EmotionReader(tiny_bundle, threads=1).categories == ()


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("categories", SingleLabel(PRIMARY, node="logits")),
        ("vad", SingleLabel(PRIMARY, node="logits")),
    ],
)
def test_a_head_that_does_not_fit_the_field_of_its_name_is_refused(
    tiny_bundle: Bundle, name: str, head: SingleLabel
) -> None:
    borrower = replace(tiny_bundle, info=replace(tiny_bundle.info, outputs={name: head}))
    with pytest.raises(BundleError, match="does not fit an emotion's field of that name"):
        EmotionReader(borrower, threads=1)


def test_what_other_heads_say_stands_by_their_names(tiny_bundle: Bundle) -> None:
    renamed = {"mood": SingleLabel(tuple("abcdefg"), node="logits")}
    seen, unseen = read(replace(tiny_bundle, info=replace(tiny_bundle.info, outputs=renamed)))
    assert seen.primary is unseen.primary is None
    assert unseen.others == {"mood": dict.fromkeys("abcdefg")}
    assert sum(p or 0 for p in seen.others["mood"].values()) == pytest.approx(1)


@dataclass(frozen=True, slots=True)
class Measures:
    """A toy kind of input: what somebody measured of each person."""

    kind: str
    factor: float


@dataclass(frozen=True, slots=True)
class MeasuresView:
    """The widths of people's boxes, times a factor."""

    factor: float
    needs_face = False
    width = 1

    def take(self, people: People) -> Taken:
        values = np.array([[self.factor * (b[2] - b[0])] for b in people.boxes_xyxy], np.float32)
        return Taken(values.reshape(-1, 1), np.arange(len(values)))


def test_a_new_kind_of_input_is_one_entry_per_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(INPUT_KINDS, "measures", Measures)
    monkeypatch.setitem(VIEWS, "measures", lambda spec: MeasuresView(spec.factor))
    inputs: dict[str, Any] = {"widths": Measures("measures", 0.1)}
    info = BundleInfo("toy", inputs, {"primary": SingleLabel(("wide", "slim"))}, "CC0-1.0")
    files = {"model.onnx": toy_model(), "CARD.md": b"# toy\n"}
    wide, slim = read(read_bundle(write_bundle(tmp_path / "toy", info, files).folder))
    for emotion, width in ((wide, 35.0), (slim, 34.0)):
        assert emotion.primary is not None
        expected = 1 / (1 + np.exp(-0.2 * width))  # the logits are plus and minus a tenth of it
        assert emotion.primary["wide"] == pytest.approx(expected, abs=1e-6)


def toy_model() -> bytes:
    weights = numpy_helper.from_array(np.array([[1.0, -1.0]], np.float32), "weights")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["widths", "weights"], ["primary"])],
        "toy",
        [helper.make_tensor_value_info("widths", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("primary", TensorProto.FLOAT, ["n", 2])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())
