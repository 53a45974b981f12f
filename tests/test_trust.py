"""Every reader of files, fed with 500 damaged or hostile ones: one clear line, or a right answer.

A reader that gives neither has a fault, and what was wrong gets a test of its own by name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.bundle import Bundle, read_bundle
from affekt.cli.models import figures_line
from affekt.cli.train import named_figures
from affekt.data.manifests.manifest import Manifest, read_face_picture
from affekt.data.manifests.people import PersonManifest, read_array, read_person_picture
from affekt.data.sets.emotic.csv import ARRAY_COLUMNS, TANDON_COLUMNS, read_arrays, read_tandon
from affekt.data.sets.emotic.mat import read_mat
from affekt.data.sets.ferplus import CLASSES, CSV_NAME, read_ferplus
from affekt.errors import (
    AffektError,
    BundleError,
    ConfigError,
    DataError,
    MediaError,
    UsageError,
)
from affekt.inference.boxes_file import read_boxes
from affekt.inference.context import ContextModel
from affekt.inference.runtime import FaceModel
from affekt.labels import CATEGORIES
from affekt.models.build import NetworkSpec, load_described, read_spec, save_network
from affekt.training.checkpoints import load_state, save_state
from affekt.training.config import load_config
from affekt.training.feature_store import StoreLayout, append_chunk, create_store, finished_chunks
from fakes.mutations import mutate_bytes, mutate_json

COUNT = 500

Feed = Callable[[bytes], object]
"""Reads what it is given as the file would be read, and checks what comes out."""


def feed_all(variants: Iterator[bytes], feed: Feed, *refusals: type[AffektError]) -> None:
    """Each variant is read or refused, in one line of a length that can be read."""
    refused = 0
    for number, content in enumerate(variants):
        try:
            feed(content)
        except refusals as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 2000, number
        except BaseException as error:
            error.add_note(f"variant {number}: {content[:300]!r}")
            raise
    assert 0 < refused <= COUNT


def write_then(path: Path, read: Callable[[Path], object]) -> Feed:
    def feed(content: bytes) -> object:
        path.unlink(missing_ok=True)  # some systems wait for the disk where a file is overwritten
        path.write_bytes(content)
        return read(path)

    return feed


def ask(bundle: Bundle) -> None:
    """A face model answers with shares that sum to 1, or not at all."""
    model = FaceModel(bundle, threads=1)
    crops = np.arange(2 * model.size**2 * 3, dtype=np.uint32) % 251
    shares = model.probabilities(crops.astype(np.uint8).reshape(2, model.size, model.size, 3))
    assert shares.shape == (2, len(bundle.info.labels))
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5) and (shares >= 0).all()


@pytest.fixture
def copy(tiny_bundle: Bundle, tmp_path: Path) -> Path:
    for name in ("model.onnx", "CARD.md", "bundle.json"):
        (tmp_path / name).write_bytes((tiny_bundle.folder / name).read_bytes())
    return tmp_path


def test_descriptions_of_bundles(copy: Path) -> None:
    def read(path: Path) -> None:
        bundle = read_bundle(path.parent)
        ask(bundle)
        assert all(figures_line(figures) for figures in bundle.info.metrics.values())

    plain = json.loads((copy / "bundle.json").read_bytes())
    figures = {"split": "test", "n": 9, "accuracy": 0.75, "accuracy_ci95": [0.5, 1.0]}
    plain |= {"thresholds": {"anger": 0.5}, "calibration": {"fear": [1.5, -0.25]}}
    plain |= {"metrics": {"FER+": figures}, "needs": {"face": "0" * 64}}
    (copy / "bundle.json").write_text(json.dumps(plain))
    read(copy / "bundle.json")
    feed_all(mutate_json(plain, COUNT), write_then(copy / "bundle.json", read), BundleError)


def test_descriptions_of_context_bundles(
    write_context: Callable[..., Bundle], tmp_path: Path
) -> None:
    folder = write_context(tmp_path / "a").folder
    image = np.full((48, 64, 3), 90, np.uint8)

    def read(path: Path) -> None:
        model = ContextModel(read_bundle(path.parent), 1)
        said = model.run([model.crop(image, [(4.0, 2.0, 40.0, 46.0)], [None])])
        assert ((said.probabilities >= 0) & (said.probabilities <= 1)).all()
        assert all(0 <= value <= 1 for value in model.thresholds.values())

    plain = json.loads((folder / "bundle.json").read_bytes())
    feed_all(mutate_json(plain, COUNT), write_then(folder / "bundle.json", read), BundleError)


def test_graphs_of_bundles(copy: Path) -> None:
    plain = json.loads((copy / "bundle.json").read_bytes())

    def read(path: Path) -> None:
        plain["files"]["model.onnx"] = hashlib.sha256(path.read_bytes()).hexdigest()
        (copy / "bundle.json").write_text(json.dumps(plain))
        ask(read_bundle(copy))

    content = (copy / "model.onnx").read_bytes()
    feed_all(mutate_bytes(content, COUNT), write_then(copy / "model.onnx", read), BundleError)


BOXES = [
    {"source": "a.jpg", "x1": 1, "y1": 2, "x2": 30.5, "y2": 40, "who": "Ann"},
    {"source": "in/b.jpg", "x1": 0, "y1": 0, "x2": 9, "y2": 9},
]


def boxes_are_boxes(path: Path) -> None:
    boxes = read_boxes(path)
    for x1, y1, x2, y2 in (*boxes.of("a.jpg"), *boxes.of("in/b.jpg")):
        assert -np.inf < x1 < x2 < np.inf and -np.inf < y1 < y2 < np.inf


def test_boxes_in_json(tmp_path: Path) -> None:
    feed = write_then(tmp_path / "boxes.json", boxes_are_boxes)
    feed_all(mutate_json(BOXES, COUNT), feed, UsageError)


def test_boxes_in_csv(tmp_path: Path) -> None:
    rows = "".join(f"{','.join(str(v) for v in row.values())}\n" for row in BOXES)
    content = f"source,x1,y1,x2,y2,who\n{rows}".encode()
    feed = write_then(tmp_path / "boxes.csv", boxes_are_boxes)
    feed_all(mutate_bytes(content, COUNT), feed, UsageError)


def test_manifests_of_faces(tmp_path: Path, write_faces: Callable[..., Manifest]) -> None:
    content = write_faces(tmp_path, counts={"val": 1}).path.read_bytes()

    def read(path: Path) -> None:
        manifest = Manifest.open(path)
        manifest.count("val")
        for row in manifest.rows(include_excluded=True):
            read_face_picture(manifest, row)

    feed_all(mutate_bytes(content, COUNT), write_then(tmp_path / "m.parquet", read), DataError)


def test_manifests_of_people(
    tmp_path: Path, write_drawn_people: Callable[..., PersonManifest]
) -> None:
    content = write_drawn_people(tmp_path, {"val": (2, 1)}).path.read_bytes()

    def read(path: Path) -> None:
        manifest = PersonManifest.open(path)
        for people in manifest.pictures():
            read_person_picture(manifest, people[0])

    feed_all(mutate_bytes(content, COUNT), write_then(tmp_path / "m.parquet", read), DataError)


def test_pictures_as_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 4, 3), np.uint8))
    content = (tmp_path / "a.npy").read_bytes()
    feed_all(mutate_bytes(content, COUNT), write_then(tmp_path / "a.npy", read_array), MediaError)


@pytest.mark.parametrize("name", ["index.json", "body.npy"])
def test_feature_stores(tmp_path: Path, name: str) -> None:
    shapes = {"body": (1, 4, 3), "geometry": (1, 4, 13)}
    chunks = ((slice(0, 1), slice(0, 2)), (slice(1, 2), slice(2, 4)))
    kinds = dict.fromkeys(shapes, "float32")
    layout = StoreLayout({"of": "a test"}, shapes, kinds, frozenset(), chunks, 1)
    create_store(tmp_path, layout)
    checks: list[int] = []
    for _ in chunks:
        values = {n: np.ones((2, shape[2]), np.float32) for n, shape in shapes.items()}
        append_chunk(tmp_path, layout, checks, values)

    def read(path: Path) -> None:
        found = finished_chunks(path.parent, layout)
        assert found == checks[: len(found)]

    content = (tmp_path / name).read_bytes()
    variants = (
        mutate_json(json.loads(content), COUNT)
        if name == "index.json"
        else mutate_bytes(content, COUNT)
    )
    feed_all(variants, write_then(tmp_path / name, read), DataError)


def test_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    weights = {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}
    progress = {"epoch": 1, "best_score": 0.5, "best_epoch": 0}
    save_state(path, "{}", {"network": weights, "progress": progress})

    def read(path: Path) -> None:
        state = load_state(path, "{}", torch.device("cpu"))
        assert state is not None and state["config"] == "{}"

    feed_all(mutate_bytes(path.read_bytes(), COUNT), write_then(path, read), ConfigError)


def test_saved_networks(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    half = (0.5, 0.5, 0.5)
    spec = NetworkSpec("test_resnet", ("anger", "fear"), 32, half, half, "random", {"epoch": 1})
    save_network(path, {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}, spec)

    def read(path: Path) -> None:
        described, weights = load_described(path, "face")
        assert all(bool(torch.isfinite(values).all()) for values in weights.values())
        assert asdict(read_spec(NetworkSpec, described, path))["size"] >= 8

    feed_all(mutate_bytes(path.read_bytes(), COUNT), write_then(path, read), BundleError)


def test_recipes(tmp_path: Path) -> None:
    content = Path(__file__).parents[1].joinpath("configs", "face.toml").read_bytes()
    feed = write_then(tmp_path / "recipe.toml", load_config)
    feed_all(mutate_bytes(content, COUNT), feed, ConfigError)


def test_figures_for_the_card(tmp_path: Path) -> None:
    from affekt.training.card import check_figures  # noqa: PLC0415

    plain = {
        **{"model": "m", "data": "d", "split": "test", "n": 9, "protocol": "plurality"},
        **dict.fromkeys(("accuracy", "balanced_accuracy", "ece"), 0.5),
        **{f"{name}_ci95": [0.4, 0.6] for name in ("accuracy", "balanced_accuracy", "ece")},
        "per_class": {"fear": {"recall": 0.5, "recall_ci95": [0.1, 0.9], "support": 3}},
    }

    def read(path: Path) -> None:
        check_figures(dict([named_figures(f"FER+={path}")]), context=False)

    feed_all(mutate_json(plain, COUNT), write_then(tmp_path / "f.json", read), UsageError)


def test_the_official_annotations(tmp_path: Path, write_emotic: Callable[..., Path]) -> None:
    path = write_emotic(tmp_path) / "Annotations" / "Annotations.mat"
    plain = path.read_bytes()
    feed = write_then(path, lambda p: list(read_mat(p)))
    feed_all(mutate_bytes(plain, COUNT), feed, DataError)


TANDON = (
    f"{','.join(TANDON_COLUMNS)}\n"
    'mscoco/images,COCO_1.jpg,"[96, 64]","[5, 5, 45, 60]","[\'Peace\']","[5, 4, 7]",Male,Kid\n'
)
ARRAYS = (
    f"{','.join((*ARRAY_COLUMNS, *CATEGORIES))}\n"
    f"COCO_1.jpg,96,64,5,5,45,60,5,4,7,Male,Kid,a.npy,{','.join('1' * len(CATEGORIES))}\n"
)
FERPLUS = (
    f"Usage,Image name,{','.join(CLASSES)}\n"
    f"Training,fer0000000.png,{','.join('1' * len(CLASSES))}\n"
    f"PrivateTest,fer0000001.png,10,{','.join('0' * (len(CLASSES) - 1))}\n"
)


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("train.csv", TANDON, lambda path: list(read_tandon({path: "train"}))),
        ("annot_arrs_train.csv", ARRAYS, lambda path: list(read_arrays({path: "train"}))),
        (CSV_NAME, FERPLUS, lambda path: read_ferplus(path.parent)),
    ],
)
def test_annotations_in_csv(
    tmp_path: Path, name: str, content: str, read: Callable[[Path], object]
) -> None:
    feed = write_then(tmp_path / name, read)
    feed_all(mutate_bytes(content.encode(), COUNT), feed, DataError)
