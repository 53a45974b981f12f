"""What a bundle may say of itself: for each field the last value that is taken, and the next."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from affekt.bundle.inputs import NumbersSpec, StreamSpec
from affekt.bundle.outputs import Dimensional, MultiLabel, SingleLabel
from affekt.bundle.spec import BundleInfo, describe, is_inside, parse_info
from affekt.errors import BundleError

BODY = StreamSpec(16, (0.5,) * 3, (0.25,) * 3, kind="body", crop="square", encoder="image.onnx")
INFO = BundleInfo(
    name="tiny",
    inputs={"body": BODY, "has_face": NumbersSpec("has_face")},
    outputs={
        "primary": SingleLabel(("joy", "fear"), 1.5),
        "categories": MultiLabel(
            ("Peace", "Pain"), platt={"Peace": (1, 0), "Pain": (2, -1)},
            thresholds={"Peace": 0.5, "Pain": 0.25},
        ),
        "vad": Dimensional(("valence",), (1.0, 10.0)),
    },
    licence="CC0-1.0",
)  # fmt: skip
Change = Callable[[dict[str, Any]], object]


def said(change: Change) -> BundleInfo:
    content = json.loads(json.dumps(asdict(INFO)))
    change(content)
    return parse_info(content, Path("here"))


def at(*keys: str, value: object) -> Change:
    """Sets what stands there."""

    def change(content: dict[str, Any]) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def test_a_description_is_read_as_it_was_written() -> None:
    assert parse_info(json.loads(describe(INFO)), Path("here")) == INFO
    assert INFO.streams == {"body": BODY} and INFO.heads == ("primary", "categories", "vad")
    borrowing = replace(INFO, borrowed={"spare": "face"})
    assert borrowing.heads == ("primary", "categories", "vad", "spare")


STREAM, SINGLE, MULTI, RANGE = (
    ("inputs", "body"), ("outputs", "primary"), ("outputs", "categories"),
    ("outputs", "vad", "range"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "taken", "refused"),
    [
        ((*STREAM, "size"), (8, 2048), (7, 2049, 8.0)),
        ((*STREAM, "mean"), ([0, 1, 0.5],), ([0, 1.001, 0], [0, -0.001, 0], [0.5, 0.5])),
        ((*STREAM, "std"), ([0.001, 10, 1],), ([0.0009, 1, 1], [1, 10.001, 1])),
        ((*STREAM, "frames"), (1,), (0, 2)),
        ((*STREAM, "colour"), ("RGB", "BGR"), ("rgb", "")),
        ((*STREAM, "crop"), ("square", "stretch"), ("face-square", "")),
        ((*STREAM, "encoder"), ("image.onnx",), (None, "bundle:face", "")),
        ((*STREAM, "kind"), ("scene",), ("face", "geometry", "bodi")),
        ((*SINGLE, "temperature"), (0.001, 1000), (0.0009, 1000.1)),
        ((*SINGLE, "labels"), (["a", "b"],), (["a"], ["a", "a"], [], ["a", ""])),
        ((*MULTI, "labels"), (), (["Peace"], ["Peace", "Pain", "Anger"])),
        ((*MULTI, "platt"), ({}, {"Peace": [1e4, -1e4], "Pain": [-1e4, 1e4]}),
         ({"Peace": [1, 0]}, {"Peace": [1, 0], "Pain": [1e4 + 1, 0]},
          {"Peace": [1, 0], "Pain": [0, -1e4 - 1]}, {"Peace": [1, 0], "Pain": [1]})),
        ((*MULTI, "thresholds"), ({}, {"Peace": 0, "Pain": 1}),
         ({"Pain": 1}, {"Peace": 0, "Pain": 1, "Anger": 1}, {"Peace": 0, "Pain": 1.001})),
        (RANGE, ([-1e6, 1e6], [1, 1.001]), ([1, 1], [2, 1], [-1e6 - 1, 1], [1, 1e6 + 1])),
        (("name",), ("a" * 200,), ("", "a" * 201, "a\nb")),
        (("licence",), ("", "x"), ("a\nb", None)),
        (("outputs",), (), ({},)),
        (("inputs",), (), ({},)),
        (("borrowed",), ({"spare": "face"},), ({"vad": "face"}, {"spare": "a/b"})),
        (("needs",), ({"face": "0" * 64},), ({"face": "0" * 63}, {"face": "0" * 65},
                                             {"face": "G" * 64}, {"a/b": "0" * 64})),
        (("files",), ({"a/b.onnx": "a" * 64},), ({"bundle.json": "a" * 64}, {"../a": "a" * 64})),
        (("version",), (2,), (1, 3, "2", None, True, 2.5)),
    ],
)  # fmt: skip
def test_each_field_is_taken_up_to_its_bound(
    keys: tuple[str, ...], taken: tuple[object, ...], refused: tuple[object, ...]
) -> None:
    for value in taken:
        said(at(*keys, value=value))
    for value in refused:
        with pytest.raises(BundleError, match=r"^here/bundle\.json: "):
            said(at(*keys, value=value))


def ensemble(**weights: float) -> Change:
    return lambda content: content.update(inputs={}, members=weights)


@pytest.mark.parametrize(
    ("weights", "taken"),
    [
        ({"a": 1}, True), ({"a": 0, "b": 0.001}, True), ({"a": 1e6}, True), ({"a": 0}, False),
        ({"a": 1e6 + 1}, False), ({"a": -1, "b": 2}, False), ({}, False),
    ],
)  # fmt: skip
def test_an_ensemble_has_members_with_weights_and_no_inputs(
    weights: dict[str, float], taken: bool
) -> None:
    if taken:
        assert said(ensemble(**weights)).members == weights
    else:
        with pytest.raises(BundleError, match=r"members|inputs"):
            said(ensemble(**weights))
    with pytest.raises(BundleError, match="inputs: expected one at least of a model, and none"):
        said(lambda content: content.update(members={"a": 1}))


@pytest.mark.parametrize("version", [0, 1, 3])
def test_only_version_1_can_be_converted(version: int) -> None:
    with pytest.raises(BundleError, match=f"bundle version {version}; this Affekt reads") as caught:
        said(at("version", value=version))
    assert ("convert_bundle" in str(caught.value)) == (version == 1)


def test_a_face_is_not_blanked_and_an_only_input_may_be_taken_as_it_is() -> None:
    face = replace(BODY, kind="face", crop="face-square")
    alone = replace(INFO, inputs={"face": replace(face, encoder=None)})
    assert parse_info(json.loads(describe(alone)), Path("here")) == alone
    with pytest.raises(BundleError, match="blank_person: expected false"):
        describe(replace(INFO, inputs={"face": replace(face, blank_person=True)}))
    describe(replace(INFO, inputs={"body": replace(BODY, blank_person=True)}))


def test_an_encoder_of_another_bundle_needs_its_checksum() -> None:
    inputs = {"face": replace(BODY, kind="face", crop="face-square", encoder="bundle:face")}
    with pytest.raises(BundleError, match="needs does not say which bundle 'face' it is"):
        describe(replace(INFO, inputs=inputs))
    describe(replace(INFO, inputs=inputs, needs={"face": "0" * 64}))


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(BundleError, match=r"tiny: bundle\.json cannot hold this"):
        describe(replace(INFO, training={"loss": float("nan")}))


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("a", True), ("a/b/c.onnx", True), ("a" * 500, True), ("a" * 501, False), ("", False),
        ("/a", False), ("a/", False), ("a//b", False), (".", False), ("a/..", False),
        ("a/./b", False), ("a\\b", False), ("c:a", False), ("a*", False), ("a\n", False),
        ("..a", True), ("é", True),
    ],
)  # fmt: skip
def test_a_files_name_stays_in_the_bundle(name: str, inside: bool) -> None:
    assert is_inside(name) == inside
