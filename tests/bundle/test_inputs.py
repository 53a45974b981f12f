"""What each kind of input shows."""

from __future__ import annotations

import pytest

from affekt.bundle.inputs import CROPS, INPUT_KINDS, NUMBERS, NumbersSpec, StreamSpec


@pytest.mark.parametrize(
    ("kind", "blank", "needs_face", "shared"),
    [
        ("face", False, True, False), ("body", False, False, False), ("scene", False, False, True),
        ("scene", True, False, False), ("body", True, False, False),
    ],
)  # fmt: skip
def test_a_scene_is_shared_unless_a_person_is_blanked_in_it(
    kind: str, blank: bool, needs_face: bool, shared: bool
) -> None:
    spec = StreamSpec(8, (0.5,) * 3, (0.5,) * 3, kind=kind, blank_person=blank)
    assert (spec.needs_face, spec.shared) == (needs_face, shared)


def test_an_input_is_as_it_is_unless_said() -> None:
    spec = StreamSpec(8, (0.5,) * 3, (0.5,) * 3, kind="face")
    assert (spec.crop, spec.encoder, spec.blank_person, spec.flip) == (
        "face-square", None, False, False,
    )  # fmt: skip
    assert (spec.colour, spec.frames) == ("RGB", 1)
    numbers = NumbersSpec("geometry")
    assert (numbers.flip, numbers.frames) == (False, 1)


def test_every_kind_is_described() -> None:
    assert {*INPUT_KINDS} == {*CROPS, *NUMBERS}
    assert {INPUT_KINDS[kind] for kind in CROPS} == {StreamSpec}
    assert {INPUT_KINDS[kind] for kind in NUMBERS} == {NumbersSpec}
