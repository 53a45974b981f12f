"""An ensemble is one bundle: the weighted mean, calibrated, each encoder once, no torch needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from affekt.bundle import Bundle, MultiLabel, SingleLabel, read_bundle, write_bundle
from affekt.cli.app import app
from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.errors import BundleError, UsageError
from affekt.evaluation.ensembles.candidates import name_candidates
from affekt.evaluation.fitting.thresholds import break_even_thresholds
from affekt.evaluation.reading.predict import predict, predict_rows
from affekt.inference.read.emotions import EmotionReader
from affekt.inference.read.model import Model, Reading
from affekt.inference.read.views import People
from affekt.labels import CATEGORIES, PRIMARY
from affekt.packaging.ensemble import EnsembleOptions, make_ensemble, write_ensemble
from affekt.results import BoxXyxy, Face

WriteContext = Callable[..., Bundle]
WritePeople = Callable[..., Manifest]

COUNTS = {"train": (1,), "val": (2, 1, 3, 1, 2)}
BOXES: list[BoxXyxy] = [(5.0, 8.0, 40.0, 58.0), (42.0, 4.0, 76.0, 60.0)]


@pytest.fixture(scope="module")
def two(write_context: WriteContext, tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    folder = tmp_path_factory.mktemp("two")
    return [write_context(folder / name, seed=seed, name=name) for seed, name in enumerate("ab")]


@pytest.fixture(scope="module")
def drawn(write_drawn_people: WritePeople, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_drawn_people(tmp_path_factory.mktemp("drawn"), COUNTS)


@pytest.fixture(scope="module")
def made(two: list[Bundle], drawn: Manifest) -> Bundle:
    """Both models and their mirrored twins, equal in weight, calibrated on the drawn people."""
    options = EnsembleOptions(mirrored=True, threads=1)
    return make_ensemble(two, two[0].folder.parent / "made", drawn, options)[0]


def read(bundle: Bundle) -> Reading:
    image = np.random.default_rng(0).integers(0, 256, (62, 80, 3), dtype=np.uint8)
    model = Model(bundle, threads=1)
    return model.run([model.take(People(image, BOXES, [None, None]))])


def test_it_is_exactly_the_weighted_mean(two: list[Bundle]) -> None:
    first = two[0].info
    heads = first.outputs | {"categories": MultiLabel(CATEGORIES)}
    info = replace(first, inputs={}, outputs=heads, members={"a": 3, "b": 1})
    members = {candidate.name: candidate for candidate in name_candidates(two)}
    out = two[0].folder.parent / "plain"
    output = read(write_ensemble(out, info, members, "# plain\n"))
    a, b = map(read, two)
    for head, within in (("categories", 1e-7), ("vad", 1e-6)):
        mean = (3 * a.values[head].astype(float) + b.values[head]) / 4
        np.testing.assert_allclose(output.values[head], mean, atol=within)
    apart = np.abs(a.values["categories"].astype(float) - b.values["categories"])
    assert output.spread is not None
    np.testing.assert_allclose(output.spread, np.sqrt(3 / 16) * apart.mean(axis=1), atol=1e-6)


def test_what_is_alike_is_stored_once(made: Bundle) -> None:
    encoders = [name for name in made.info.files if name.startswith("encoders/")]
    assert len(encoders) == 1 and made.info.files[encoders[0]].startswith(encoders[0][9:25])
    assert {*made.info.members} == {
        "members/a",
        "members/b",
        "members/a-mirrored",
        "members/b-mirrored",
    }
    stored = {str(p.relative_to(made.folder)) for p in made.folder.rglob("*") if p.is_file()}
    assert stored == {*made.info.files, "bundle.json"}
    for name in made.info.members:
        member = read_bundle(made.folder / name)
        assert {*member.info.files} == {"model.onnx", "CARD.md"}
        assert member.info.streams["body"].encoder == encoders[0]
        assert member.info.streams["face"].encoder == "bundle:face"


def test_the_mean_is_calibrated_on_the_split(
    made: Bundle, two: list[Bundle], drawn: Manifest
) -> None:
    said = predict_rows(Model(made, threads=1), drawn, "val")
    found = said.outputs["categories"]
    present = found.truth.any(axis=0)
    # a fitted shift makes the mean probability that of Platt's targets, one by one
    positives = found.truth.sum(axis=0)
    negatives = len(found.truth) - positives
    targets = positives * (positives + 1) / (positives + 2) + negatives / (negatives + 2)
    np.testing.assert_allclose(found.predicted.mean(axis=0), targets / len(found.truth), atol=2e-3)
    head = made.info.outputs["categories"]
    assert isinstance(head, MultiLabel)
    thresholds = [head.thresholds[label] for label in CATEGORIES]
    expected = break_even_thresholds(found.predicted, found.truth)
    np.testing.assert_allclose(thresholds, expected, atol=1e-5)
    assert present.sum() == 5 and said.spread is not None and (said.spread > 0).all()


def test_it_says_where_it_comes_from(made: Bundle, two: list[Bundle]) -> None:
    info = made.info
    assert (info.name, info.inputs, info.heads) == ("made", {}, ("categories", "vad", "primary"))
    assert info.outputs["categories"].labels == CATEGORIES
    assert info.needs == two[0].info.needs and info.licence == "CC0-1.0"
    assert info.training["ensemble"]["n"] == 9 and not info.training["ensemble"]["selected"]
    card = (made.folder / "CARD.md").read_text()
    for part in ("# made", "weighted mean of 4", "Prohibited use", "optimistic", "a-mirrored"):
        assert part in card


@pytest.mark.parametrize(
    "name", ["members/a/model.onnx", "members/b-mirrored/bundle.json", "encoders/*"]
)
def test_a_missing_file_of_a_member_is_one_clear_line(
    made: Bundle, tmp_path: Path, name: str
) -> None:
    files = {n: (made.folder / n).read_bytes() for n in made.info.files}
    copy = write_bundle(tmp_path / "copy", made.info, files)
    (lost,) = copy.folder.glob(name)
    lost.unlink()
    with pytest.raises(BundleError, match=r"file .* is missing") as error:
        read_bundle(copy.folder)
    assert "\n" not in str(error.value)
    assert str(lost.relative_to(copy.folder)) in str(error.value)


def test_its_folder_is_none_of_the_members(two: list[Bundle], drawn: Manifest) -> None:
    before = read_bundle(two[0].folder)
    with pytest.raises(UsageError, match="is one of the models"):
        make_ensemble(two, two[0].folder, drawn, EnsembleOptions())
    assert read_bundle(two[0].folder) == before


def test_members_need_the_same_face_bundle(
    two: list[Bundle], write_context: WriteContext, drawn: Manifest, tmp_path: Path
) -> None:
    other = write_context(tmp_path / "c", needs={"face": "0" * 64}, takes={"body": 48})
    with pytest.raises(BundleError, match="needs another bundle 'face'"):
        make_ensemble([two[0], other], tmp_path / "e", drawn, EnsembleOptions(threads=1))
    assert not (tmp_path / "e").exists()


def test_it_needs_no_torch() -> None:
    code = "import affekt.packaging.ensemble, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_command_selects_and_reports(
    two: list[Bundle], drawn: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, folder = CliRunner(), two[0].folder.parent
    call = [
        "ensemble",
        *(f"--model={b.folder}" for b in two),
        "--data",
        str(drawn.path),
        "--threads",
        "1",
    ]
    out = folder / "chosen"
    result = runner.invoke(app, [*call, "--out", str(out), "--select", "--tta", "-f", "json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["model"] == "chosen" and report["selected"] and len(report["members"]) == 4
    members = read_bundle(out).info.members
    weights = {f"members/{m['name']}": m["weight"] for m in report["members"] if m["weight"]}
    assert members == weights
    assert report["map"] >= max(member["map_alone"] for member in report["members"])

    result = runner.invoke(app, [*call, "--out", str(folder / "mean"), "--name", "mean of two"])
    assert "| a | 0.500 |" in result.stdout and "9 persons in 5 pictures" in result.stdout
    assert str(folder / "mean") in result.stderr
    monkeypatch.setenv("AFFEKT_MODELS", str(folder))
    listed = runner.invoke(app, ["models"])
    assert listed.exit_code == 0 and "mean of two  (categories, vad, primary;" in listed.stdout


def test_face_models_are_averaged_measured_and_used_as_one(
    write_face_model: Callable[..., Bundle], write_faces: Callable[..., Manifest], tmp_path: Path
) -> None:
    """By the command line: choose, evaluate by group, compare, report, predict."""
    labels = ("anger", "happiness", "neutral")
    faces = write_faces(tmp_path / "faces", "drawn", labels, {"val": 4, "test": 3})
    rows = [replace(r, groups={"gender": "MF"[i % 2]}) for i, r in enumerate(faces.rows())]
    write_manifest(faces.path, rows, labels=faces.labels, root=".", note={})
    one, other = (
        write_face_model(tmp_path / name, labels=order, name=name, temperature=heat)
        for name, order, heat in (("one", labels, 0.5), ("other", labels[::-1], 4.0))
    )
    out, runner = tmp_path / "both", CliRunner()
    data = ["--data", str(faces.path), "--threads", "1"]
    made = runner.invoke(
        app, ["ensemble", "-m", str(one.folder), "-m", str(other.folder), *data, "--tta",
              "--select", "--out", str(out), "-f", "json"],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    report = json.loads(made.stdout)
    assert report["n"] == 12 and report["labels"] == 3 and len(report["members"]) == 4
    alone = [member["balanced_accuracy_alone"] for member in report["members"]]
    assert report["balanced_accuracy"] >= max(alone) and "thresholds" not in report["notes"][0]

    bundle = read_bundle(out)
    head = bundle.info.outputs["primary"]
    assert isinstance(head, SingleLabel) and head.labels == labels and head.temperature != 1
    said = {b.info.name: predict(b, faces, "test", threads=1) for b in (bundle, one, other)}
    weights = [report["members"][place]["weight"] for place in range(4)]
    assert sum(weights) == pytest.approx(1)
    evaluated = runner.invoke(app, ["evaluate", "--model", str(out), *data])
    figures = json.loads(evaluated.stdout)
    assert figures["n"] == 9 and {*figures["groups"]["gender"]} == {"F", "M"}
    compared = runner.invoke(app, ["evaluate", "-m", str(out), "-m", str(one.folder), *data])
    assert "balanced_accuracy" in json.loads(compared.stdout)["differences"]
    page = tmp_path / "page.html"
    shown = runner.invoke(app, ["report", "--model", str(out), *data, "--output", str(page)])
    assert shown.exit_code == 0 and "balanced accuracy" in page.read_text().lower()
    assert np.allclose(said["both"].outputs["primary"].predicted.sum(axis=1), 1)


def test_the_mean_of_face_models_has_nothing_to_say_without_a_face(
    write_face_model: Callable[..., Bundle], tmp_path: Path
) -> None:
    models = [
        write_face_model(tmp_path / name, name=name, temperature=heat)
        for name, heat in (("one", 0.5), ("other", 4.0))
    ]
    info = replace(models[0].info, inputs={}, members={"one": 3, "other": 1})
    info = replace(info, outputs={"primary": SingleLabel(PRIMARY)})
    members = {candidate.name: candidate for candidate in name_candidates(models)}
    bundle = write_ensemble(tmp_path / "mean", info, members, "# mean\n")
    image = np.random.default_rng(0).integers(0, 256, (62, 80, 3), dtype=np.uint8)
    people = People(image, BOXES, [Face((10.0, 10.0, 30.0, 36.0), 0.9), None])
    means = []
    for own in (*models, bundle):
        reader = EmotionReader(own, threads=1)
        assert reader.needs_face
        seen, unseen = reader.read([reader.take(people)])
        assert unseen.primary is None and unseen.spread is None and seen.primary is not None
        means.append(np.array([*seen.primary.values()]))
    np.testing.assert_allclose(means[2], (3 * means[0] + means[1]) / 4, atol=1e-6)
    assert seen.spread is not None and seen.spread > 0
