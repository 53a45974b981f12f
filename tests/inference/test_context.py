"""A context model equals the same arithmetic in numpy; ensembles are weighted means of members."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from affekt.bundle import Bundle, StreamSpec, read_bundle, write_bundle
from affekt.crops import crop_stream
from affekt.errors import BundleError
from affekt.geometry import person_geometry
from affekt.inference.context import ContextModel, ContextOutput
from affekt.inference.runtime import CropNetwork, FaceModel
from affekt.labels import CATEGORIES, PRIMARY
from affekt.media import ImageRgb
from affekt.results import BoxXyxy, Face

WriteContext = Callable[..., Bundle]

BOXES: list[BoxXyxy] = [(5.0, 8.0, 40.0, 58.0), (42.0, 4.0, 76.0, 60.0)]
EYES = ((12.0, 16.0), (28.0, 20.0), (20.0, 26.0), (12.0, 34.0), (26.0, 36.0))
FACES = [Face((10.0, 10.0, 30.0, 36.0), 0.9, EYES), None]


def picture(seed: int = 0) -> ImageRgb:
    return np.random.default_rng(seed).integers(0, 256, (62, 80, 3), dtype=np.uint8)


def run(bundle: Bundle, *seeds: int) -> ContextOutput:
    model = ContextModel(bundle, threads=1)
    return model.run([model.crop(picture(seed), BOXES, FACES) for seed in seeds])


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
            name: features_by_hand(spec, crop_stream(image, name, spec, box, face))
            for name, spec in bundle.info.streams.items()
        }
        values = {**streams, "has_face": [float(face is not None)], "geometry": geometry[number]}
        rows.append(np.concatenate([values[name] for name in (*inputs, "geometry")]))
    joined = np.array(rows)
    scale, shift = np.array([bundle.info.calibration[label] for label in CATEGORIES]).T
    logits = joined @ weights["categories_weights"] + weights["categories_bias"]
    probabilities = 1 / (1 + np.exp(-(scale * logits + shift)))
    vad = np.clip(joined @ weights["vad_weights"] + weights["vad_bias"], 1, 10)
    return probabilities, vad


def test_it_equals_numpy(tiny_context: Bundle) -> None:
    output = run(tiny_context, 0, 1)
    assert output.probabilities.shape == (4, 26) and output.vad.shape == (4, 3)
    for number in range(2):
        probabilities, vad = by_hand(tiny_context, picture(number))
        own = slice(2 * number, 2 * number + 2)
        np.testing.assert_allclose(output.probabilities[own], probabilities, atol=1e-5)
        np.testing.assert_allclose(output.vad[own], vad, atol=1e-4)
    assert output.spread is None


def test_primary_emotions_are_the_face_bundles_own(
    tiny_context: Bundle, tiny_bundle: Bundle
) -> None:
    model = ContextModel(tiny_context, threads=1)
    assert (model.labels, model.primary_labels) == (CATEGORIES, PRIMARY)
    assert model.thresholds == tiny_context.info.thresholds
    crop = crop_stream(picture(), "face", tiny_bundle.info.streams["face"], BOXES[0], FACES[0])
    assert crop is not None
    primary = run(tiny_context, 0).primary
    expected = FaceModel(tiny_bundle, threads=1).probabilities(crop[None])[0]
    np.testing.assert_allclose(primary[0], expected, atol=1e-6)
    assert np.isnan(primary[1]).all()


def test_without_a_face_the_face_is_zero_and_says_so(tiny_context: Bundle) -> None:
    model = ContextModel(tiny_context, threads=1)
    seen = model.run([model.crop(picture(), BOXES, FACES)])
    unseen = model.run([model.crop(picture(), BOXES, [None, None])])
    np.testing.assert_allclose(seen.probabilities[1], unseen.probabilities[1], atol=1e-6)
    assert np.abs(seen.probabilities[0] - unseen.probabilities[0]).max() > 0.01
    assert np.isnan(unseen.primary).all()


def test_a_batch_of_pictures_with_nobody_in_some(tiny_context: Bundle) -> None:
    model = ContextModel(tiny_context, threads=1)
    nobody = model.crop(picture(), [], [])
    one = model.crop(picture(3), BOXES[:1], FACES[:1])
    assert len(nobody) == 0 and len(one) == 1
    output = model.run([nobody, one, nobody])
    np.testing.assert_allclose(output.vad, model.run([one]).vad, atol=1e-5)
    for batch in ([], [nobody, nobody]):
        empty = model.run(batch)
        assert (empty.probabilities.shape, empty.vad.shape) == ((0, 26), (0, 3))
        assert empty.primary.shape == (0, 7) and empty.spread is None


def test_how_many_people_there_are_can_be_said(tiny_context: Bundle) -> None:
    model = ContextModel(tiny_context, threads=1)
    crops = model.crop(picture(), BOXES, FACES, people=6)
    np.testing.assert_array_equal(crops.geometry, person_geometry(BOXES, 80, 62, 6))


def test_the_scene_is_cropped_once_unless_the_person_is_blanked(
    write_context: WriteContext, tmp_path: Path
) -> None:
    bundle = write_context(tmp_path / "a")
    blanked = {
        **bundle.info.streams,
        "scene": replace(bundle.info.streams["scene"], blank_person=True),
    }
    counts = []
    for one in (bundle, write_context(tmp_path / "b", streams=blanked)):
        crops = ContextModel(one, threads=1).crop(picture(), BOXES, FACES).crops
        counts.append({view.stream: len(own.images) for view, own in crops.items()})
    assert counts == [{"face": 1, "body": 2, "scene": 1}, {"face": 1, "body": 2, "scene": 2}]
    np.testing.assert_allclose(run(one, 0).probabilities, by_hand(one, picture())[0], atol=1e-5)


def test_vad_stays_in_its_range_and_thresholds_may_be_absent(
    write_context: WriteContext, tmp_path: Path
) -> None:
    bundle = write_context(tmp_path / "a", seed=3, thresholds={}, calibration={})
    output = ContextModel(bundle, threads=1)
    assert output.thresholds == {}
    white = np.full((62, 80, 3), 255, np.uint8)
    vad = output.run([output.crop(white, BOXES, FACES)]).vad
    assert vad.min() >= 1 and vad.max() <= 10


def ensemble(folder: Path, write: WriteContext, weights: dict[str, float], **seeds: int) -> Bundle:
    members = {name: write(folder / name, seed=seed) for name, seed in seeds.items()}
    first = next(iter(members.values()))
    info = replace(
        first.info, name="all", kind="ensemble", streams={}, calibration={}, members=weights
    )
    return write_bundle(folder, info, {"CARD.md": b"# all\n"})


def test_an_ensemble_is_the_weighted_mean_of_its_members(
    write_context: WriteContext, tmp_path: Path
) -> None:
    bundle = ensemble(tmp_path / "e", write_context, {"a": 3.0, "b": 1.0}, a=1, b=2)
    output = run(bundle, 0)
    a, b = (run(read_bundle(bundle.folder / name), 0) for name in "ab")
    mean = 0.75 * a.probabilities + 0.25 * b.probabilities
    np.testing.assert_allclose(output.probabilities, mean, atol=1e-6)
    np.testing.assert_allclose(output.vad, 0.75 * a.vad + 0.25 * b.vad, atol=1e-5)
    apart = np.abs(a.probabilities - b.probabilities)
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
    np.testing.assert_array_equal(run(shared, 0).probabilities, run(plain, 0).probabilities)


def test_labels_travel_by_name(write_context: WriteContext, tmp_path: Path) -> None:
    bundle = ensemble(tmp_path / "e", write_context, {"a": 1.0}, a=1)
    turned = replace(bundle.info, labels=CATEGORIES[::-1])
    other = write_bundle(bundle.folder, turned, {"CARD.md": b""})
    np.testing.assert_allclose(
        run(other, 0).probabilities[:, ::-1], run(bundle, 0).probabilities, atol=1e-6
    )


def test_the_face_bundle_must_be_the_one_it_was_trained_with(
    write_context: WriteContext, tmp_path: Path
) -> None:
    wanted = hashlib.sha256(b"another").hexdigest()
    bundle = write_context(tmp_path / "a", needs={"face": wanted})
    with pytest.raises(BundleError, match=f"needs the face bundle 'face'.*{wanted[:12]}") as error:
        ContextModel(bundle)
    assert str(tmp_path / "face") in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(BundleError, match="does not say which"):
        ContextModel(write_context(tmp_path / "b", needs={}))


SPEC = StreamSpec(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), crop="square", encoder="image.onnx")
FACE_SPEC = replace(SPEC, crop="face-square", encoder="bundle:face")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoders": {}}, r"needs the encoder 'image\.onnx', which is not in the bundle"),
        ({"encoders": {"image.onnx": b"no model"}}, "not a model that can be run"),
        ({"streams": {"face": FACE_SPEC, "body": SPEC}}, "'scene', but bundle.json has no such"),
        (
            {"streams": {"face": FACE_SPEC, "body": SPEC, "scene": replace(SPEC, encoder=None)}},
            "names no encoder for 'scene'",
        ),
        (
            {"streams": {"face": FACE_SPEC, "body": replace(SPEC, size=64), "scene": SPEC}},
            r"takes tensor\(float\) \[n, 3, 32, 32\], but its crops are .* \[n, 3, 64, 64\]",
        ),
        ({"streams": {"face": FACE_SPEC, "body": replace(SPEC, crop="x"), "scene": SPEC}}, "rule"),
        ({"inputs": {"face": 48, "body": 40, "scene": 48}}, "gives 48 features.*takes 40"),
        ({"inputs": {"body": 48, "geometry": 9}}, "takes 9 numbers as 'geometry'"),
        ({"inputs": {"body": 48, "folder": 4}}, "inputs .*'folder'.*takes some of"),
        ({"calibration": {"Peace": (1.0, 0.0)}}, "no calibration of 'Affection'"),
        ({"thresholds": {"Peace": 0.4}}, "no threshold of 'Affection'"),
        (
            {"labels": CATEGORIES[:5], "thresholds": {}, "calibration": {}},
            "output 'categories' is 26 wide, not 5",
        ),
        ({"kind": "ensemble", "members": {"b": 1.0}}, r"holds no bundle\.json"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_in_one_line(
    write_context: WriteContext, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    bundle = write_context(tmp_path / "a", **changes)
    with pytest.raises(BundleError, match=message) as error:
        ContextModel(bundle)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_a_face_model_is_no_context_model(tiny_bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="a 'face' model, not a context model"):
        ContextModel(tiny_bundle)


def test_a_model_of_the_body_alone_still_gives_primary_emotions(
    write_context: WriteContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFEKT_MODELS", str(tmp_path))
    bundle = write_context(tmp_path / "a", inputs={"body": 48, "geometry": 13}, needs={})
    output = run(bundle, 0)
    np.testing.assert_allclose(
        output.probabilities, by_hand(bundle, picture(), ["body"])[0], atol=1e-5
    )
    assert not np.isnan(output.primary[0]).any() and np.isnan(output.primary[1]).all()
