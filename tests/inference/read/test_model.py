"""A model of people equals its arithmetic in numpy; ensembles are weighted means of members."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from affekt.bundle import (
    Bundle,
    Dimensional,
    MultiLabel,
    OutputSpec,
    SingleLabel,
    StreamSpec,
    read_bundle,
    write_bundle,
)
from affekt.crops import crop_stream
from affekt.errors import BundleError
from affekt.geometry import person_geometry
from affekt.inference.read.crop_model import CropModel
from affekt.inference.read.model import Model, Reading
from affekt.inference.read.networks import CropNetwork
from affekt.inference.read.views import GeometryView, People
from affekt.labels import CATEGORIES, PRIMARY, VAD, VAD_RANGE
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face

WriteContext = Callable[..., Bundle]

BOXES: list[BoxXyxy] = [(5.0, 8.0, 40.0, 58.0), (42.0, 4.0, 76.0, 60.0)]
EYES = ((12.0, 16.0), (28.0, 20.0), (20.0, 26.0), (12.0, 34.0), (26.0, 36.0))
FACES = [Face((10.0, 10.0, 30.0, 36.0), 0.9, EYES), None]


def picture(seed: int = 0) -> ImageRgb:
    return np.random.default_rng(seed).integers(0, 256, (62, 80, 3), dtype=np.uint8)


def run(bundle: Bundle, *seeds: int) -> Reading:
    model = Model(bundle, threads=1)
    return model.run([model.take(People(picture(seed), BOXES, FACES)) for seed in seeds])


def categories(reading: Reading) -> np.ndarray:
    return reading.values["categories"]


def vad(reading: Reading) -> np.ndarray:
    return reading.values["vad"]


def primary(reading: Reading) -> np.ndarray:
    return reading.values["primary"]


def features_by_hand(spec: StreamSpec, crop: ImageRgb | None) -> np.ndarray:
    if crop is None:
        return np.zeros(48)
    x = ((crop / 255 - spec.mean) / spec.std).transpose(2, 0, 1)
    return x.reshape(3, 4, 8, 4, 8).mean(axis=(2, 4)).ravel()


def by_hand(
    bundle: Bundle, image: ImageRgb, inputs: Sequence[str] = ("face", "has_face", "body", "scene")
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and VAD of the two people, from the bundle's weights, in float64."""
    weights = {
        t.name: numpy_helper.to_array(t).astype(float)
        for t in onnx.load(bundle.model_path).graph.initializer
    }
    geometry = person_geometry(BOXES, 80, 62)
    rows = []
    for number, (box, face) in enumerate(zip(BOXES, FACES, strict=True)):
        streams = {
            name: features_by_hand(spec, crop_stream(image, spec, box, face))
            for name, spec in bundle.info.streams.items()
        }
        values = {**streams, "has_face": [float(face is not None)], "geometry": geometry[number]}
        rows.append(np.concatenate([values[name] for name in (*inputs, "geometry")]))
    joined = np.array(rows)
    scale, shift = np.array(
        [bundle.info.outputs["categories"].platt[label] for label in CATEGORIES]
    ).T
    logits = joined @ weights["categories_weights"] + weights["categories_bias"]
    probabilities = 1 / (1 + np.exp(-(scale * logits + shift)))
    vad = np.clip(joined @ weights["vad_weights"] + weights["vad_bias"], 1, 10)
    return probabilities, vad


def test_it_equals_numpy(tiny_context: Bundle) -> None:
    output = run(tiny_context, 0, 1)
    assert categories(output).shape == (4, 26) and vad(output).shape == (4, 3)
    for number in range(2):
        probabilities, values = by_hand(tiny_context, picture(number))
        own = slice(2 * number, 2 * number + 2)
        np.testing.assert_allclose(categories(output)[own], probabilities, atol=1e-5)
        np.testing.assert_allclose(vad(output)[own], values, atol=1e-4)
    assert output.spread is None


def test_primary_emotions_are_the_face_bundles_own(
    tiny_context: Bundle, tiny_bundle: Bundle
) -> None:
    model = Model(tiny_context, threads=1)
    assert [*model.heads] == ["categories", "vad", "primary"]
    assert model.heads["primary"] == tiny_bundle.info.outputs["primary"]
    crop = crop_stream(picture(), tiny_bundle.info.streams["face"], BOXES[0], FACES[0])
    assert crop is not None
    found = primary(run(tiny_context, 0))
    expected = CropModel(tiny_bundle, threads=1).probabilities(crop[None])[0]
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    assert np.isnan(found[1]).all()


def test_without_a_face_the_face_is_zero_and_says_so(tiny_context: Bundle) -> None:
    model = Model(tiny_context, threads=1)
    seen = model.run([model.take(People(picture(), BOXES, FACES))])
    unseen = model.run([model.take(People(picture(), BOXES, [None, None]))])
    np.testing.assert_allclose(categories(seen)[1], categories(unseen)[1], atol=1e-6)
    assert np.abs(categories(seen)[0] - categories(unseen)[0]).max() > 0.01
    assert np.isnan(primary(unseen)).all()


def test_a_batch_of_pictures_with_nobody_in_some(tiny_context: Bundle) -> None:
    model = Model(tiny_context, threads=1)
    nobody = model.take(People(picture(), [], []))
    one = model.take(People(picture(3), BOXES[:1], FACES[:1]))
    assert len(nobody) == 0 and len(one) == 1
    output = model.run([nobody, one, nobody])
    np.testing.assert_allclose(vad(output), vad(model.run([one])), atol=1e-5)
    for batch in ([], [nobody, nobody]):
        empty = model.run(batch)
        assert (categories(empty).shape, vad(empty).shape) == ((0, 26), (0, 3))
        assert primary(empty).shape == (0, 7) and empty.spread is None


def test_how_many_people_there_are_can_be_said(tiny_context: Bundle) -> None:
    model = Model(tiny_context, threads=1)
    crops = model.take(People(picture(), BOXES, FACES, total=6))
    np.testing.assert_array_equal(
        crops.views[GeometryView(flip=False)].values, person_geometry(BOXES, 80, 62, 6)
    )


def test_the_scene_is_cropped_once_unless_the_person_is_blanked(
    write_context: WriteContext, tmp_path: Path
) -> None:
    bundle = write_context(tmp_path / "a")
    blanked = {
        **bundle.info.inputs,
        "scene": replace(bundle.info.streams["scene"], blank_person=True),
    }
    counts = []
    for one in (bundle, write_context(tmp_path / "b", inputs=blanked)):
        views = Model(one, threads=1).take(People(picture(), BOXES, FACES)).views
        counts.append({v.spec.kind: len(o.values) for v, o in views.items() if v.width is None})
    assert counts == [{"face": 1, "body": 2, "scene": 1}, {"face": 1, "body": 2, "scene": 2}]
    np.testing.assert_allclose(categories(run(one, 0)), by_hand(one, picture())[0], atol=1e-5)


def test_vad_stays_in_its_range_and_thresholds_may_be_absent(
    write_context: WriteContext, tmp_path: Path
) -> None:
    bundle = write_context(tmp_path / "a", seed=3, outputs=bare())
    output = Model(bundle, threads=1)
    white = np.full((62, 80, 3), 255, np.uint8)
    vad = output.run([output.take(People(white, BOXES, FACES))]).values["vad"]
    assert vad.min() >= 1 and vad.max() <= 10


def bare(labels: tuple[str, ...] = CATEGORIES) -> dict[str, OutputSpec]:
    """Heads of people without calibration and thresholds."""
    return {"categories": MultiLabel(labels), "vad": Dimensional(VAD, VAD_RANGE)}


def ensemble(folder: Path, write: WriteContext, weights: dict[str, float], **seeds: int) -> Bundle:
    members = {name: write(folder / name, seed=seed) for name, seed in seeds.items()}
    first = next(iter(members.values()))
    info = replace(first.info, name="all", inputs={}, outputs=bare(), members=weights)
    return write_bundle(folder, info, {"CARD.md": b"# all\n"})


def test_an_ensemble_is_the_weighted_mean_of_its_members(
    write_context: WriteContext, tmp_path: Path
) -> None:
    bundle = ensemble(tmp_path / "e", write_context, {"a": 3.0, "b": 1.0}, a=1, b=2)
    output = run(bundle, 0)
    a, b = (run(read_bundle(bundle.folder / name), 0) for name in "ab")
    mean = 0.75 * categories(a) + 0.25 * categories(b)
    np.testing.assert_allclose(categories(output), mean, atol=1e-6)
    np.testing.assert_allclose(vad(output), 0.75 * vad(a) + 0.25 * vad(b), atol=1e-5)
    apart = np.abs(categories(a) - categories(b))
    assert output.spread is not None
    np.testing.assert_allclose(output.spread, np.sqrt(0.75 * 0.25) * apart.mean(axis=1), atol=1e-6)


def test_members_that_see_alike_are_encoded_once(
    write_context: WriteContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write_context(tmp_path / "one")
    several = ensemble(tmp_path / "e", write_context, {"a": 1.0, "b": 1.0, "c": 1.0}, a=0, b=1, c=2)
    runs: list[tuple[int, ...]] = []
    real = CropNetwork.run

    def spy(self: CropNetwork, crops: ImageRgb, outputs: list[str]) -> list[np.ndarray]:
        runs.append((len(crops), len(outputs)))
        return real(self, crops, outputs)

    monkeypatch.setattr(CropNetwork, "run", spy)
    run(one, 0, 1)
    alone, runs = sorted(runs), []
    run(several, 0, 1)
    assert sorted(runs) == alone == [(2, 1), (2, 2), (4, 1)]


def test_an_encoder_that_members_share_may_lie_beside_them(
    write_context: WriteContext, tmp_path: Path
) -> None:
    plain = ensemble(tmp_path / "e", write_context, {"a": 1.0, "b": 1.0}, a=1, b=2)
    encoder = (tmp_path / "e" / "a" / "image.onnx").read_bytes()
    for name, seed in {"a": 1, "b": 2}.items():
        write_context(tmp_path / "s" / name, seed=seed, encoders={})
    shared = write_bundle(tmp_path / "s", plain.info, {"CARD.md": b"", "image.onnx": encoder})
    np.testing.assert_array_equal(categories(run(shared, 0)), categories(run(plain, 0)))


def test_labels_travel_by_name(write_context: WriteContext, tmp_path: Path) -> None:
    bundle = ensemble(tmp_path / "e", write_context, {"a": 1.0}, a=1)
    turned = replace(bundle.info, outputs=bare(CATEGORIES[::-1]))
    other = write_bundle(bundle.folder, turned, {"CARD.md": b""})
    np.testing.assert_allclose(
        categories(run(other, 0))[:, ::-1], categories(run(bundle, 0)), atol=1e-6
    )


def test_the_face_bundle_must_be_the_one_it_was_trained_with(
    write_context: WriteContext, tmp_path: Path
) -> None:
    wanted = hashlib.sha256(b"another").hexdigest()
    bundle = write_context(tmp_path / "a", needs={"face": wanted})
    with pytest.raises(BundleError, match=f"needs the bundle 'face'.*{wanted[:12]}") as error:
        Model(bundle)
    assert str(tmp_path / "face") in str(error.value) and "\n" not in str(error.value)


SPEC = StreamSpec(32, (0.5,) * 3, (0.5,) * 3, kind="body", crop="square", encoder="image.onnx")
SCENE = replace(SPEC, kind="scene")
ONE = {"takes": {"body": 48}}
TWO = {"takes": {"body": 48, "scene": 48}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoders": {}}, r"needs the encoder 'image\.onnx', which is not in the bundle"),
        ({"encoders": {"image.onnx": b"no model"}}, "not a model that can be run"),
        (
            {**TWO, "inputs": {"body": SPEC}},
            r"inputs \['body', 'scene'\], but bundle.json describes \['body'\]",
        ),
        (
            {**TWO, "inputs": {"body": replace(SPEC, size=64), "scene": SCENE}},
            r"takes tensor\(float\) \[n, 3, 32, 32\], but its crops are .* \[n, 3, 64, 64\]",
        ),
        (
            {**ONE, "inputs": {"body": replace(SPEC, encoder=None)}},
            r"takes tensor\(float\) \[n, 48\], but its crops are",
        ),
        ({"takes": {"body": 40}}, r"takes 40 numbers as 'body', but image\.onnx gives 48"),
        (
            {"takes": {"body": 48, "geometry": 9}},
            "takes 9 numbers as 'geometry', but this Affekt's geometry gives 13",
        ),
        (
            {"takes": {"body": 48, "folder": 4}},
            r"inputs \['body', 'folder'\], but bundle.json describes \['body'\]",
        ),
        ({"outputs": {"calm": Dimensional(("calm",), (0, 1))}}, "expected 'calm' among them"),
        (
            {"outputs": {"categories": MultiLabel(CATEGORIES[:5])}},
            "output 'categories' is 26 wide, but 'categories' has 5 labels",
        ),
        ({"borrowed": {"calm": "face"}}, r"expected to say 'calm'; it says \['primary'\]"),
        ({**ONE, "borrowed": {"primary": "it"}, "needs": {"it": "0" * 64}}, "there is none"),
        ({"inputs": {}, "members": {"b": 1.0}}, r"holds no bundle\.json"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_one_line(
    write_context: WriteContext, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    bundle = write_context(tmp_path / "a", **changes)
    with pytest.raises(BundleError, match=message) as error:
        Model(bundle)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (bare(("Joy",)), "'categories' has no label 'Joy'"),
        ({"vad": MultiLabel(VAD)}, "says 'vad' as dimensional; the ensemble expects multi-label"),
    ],
)
def test_members_that_do_not_fit_the_ensemble(
    write_context: WriteContext, tmp_path: Path, outputs: dict[str, OutputSpec], message: str
) -> None:
    bundle = ensemble(tmp_path / "e", write_context, {"a": 1.0}, a=1)
    info = replace(bundle.info, outputs=outputs)
    with pytest.raises(BundleError, match=message):
        Model(write_bundle(bundle.folder, info, {"CARD.md": b""}))


def test_an_ensemble_of_ensembles_is_refused(write_context: WriteContext, tmp_path: Path) -> None:
    bundle = ensemble(tmp_path / "e" / "in", write_context, {"a": 1.0}, a=1)
    outer = replace(bundle.info, members={"in": 1.0})
    with pytest.raises(BundleError, match="an ensemble; its own members can be members alone"):
        Model(write_bundle(tmp_path / "e", outer, {"CARD.md": b""}))


def test_a_face_model_says_nothing_of_a_person_without_a_face(tiny_bundle: Bundle) -> None:
    model = Model(tiny_bundle, threads=1)
    assert model.needs_face and [*model.heads] == ["primary"]
    said = model.run([model.take(People(picture(), BOXES, FACES))])
    crop = crop_stream(picture(), tiny_bundle.info.streams["face"], BOXES[0], FACES[0])
    assert crop is not None and said.spread is None
    expected = CropModel(tiny_bundle, threads=1).probabilities(crop[None])
    np.testing.assert_allclose(primary(said)[:1], expected, atol=1e-6)
    assert np.isnan(primary(said)[1]).all()


def test_face_models_too_make_an_ensemble(
    write_face_model: Callable[..., Bundle], tmp_path: Path
) -> None:
    a = write_face_model(tmp_path / "e" / "a", temperature=1.0)
    b = write_face_model(tmp_path / "e" / "b", temperature=4.0)
    head = SingleLabel(PRIMARY, 0.5)
    info = replace(a.info, inputs={}, outputs={"primary": head}, members={"a": 3.0, "b": 1.0})
    found = run(write_bundle(tmp_path / "e", info, {"CARD.md": b""}), 0)
    mean = 0.75 * primary(run(a, 0))[0] + 0.25 * primary(run(b, 0))[0]
    np.testing.assert_allclose(primary(found)[0], mean**2 / (mean**2).sum(), atol=1e-5)
    assert found.spread is not None and found.spread[0] > 0


def test_a_model_of_the_body_alone_still_gives_primary_emotions(
    write_context: WriteContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFEKT_MODELS", str(tmp_path))
    bundle = write_context(tmp_path / "a", takes={"body": 48, "geometry": 13}, needs={})
    output = run(bundle, 0)
    np.testing.assert_allclose(
        categories(output), by_hand(bundle, picture(), ["body"])[0], atol=1e-5
    )
    assert not np.isnan(primary(output)[0]).any() and np.isnan(primary(output)[1]).all()
