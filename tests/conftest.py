"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from affekt.bundle import (
    Bundle,
    BundleInfo,
    Dimensional,
    MultiLabel,
    NumbersSpec,
    SingleLabel,
    StreamSpec,
    write_bundle,
)
from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.row import Row
from affekt.labels import CATEGORIES, PRIMARY, PRIMARY_AND_CONTEMPT, VAD, VAD_RANGE
from affekt.results import Face
from fakes.networks import TINY_INPUTS, TINY_SIZE, tiny_encoder, tiny_head, tiny_model
from fakes.rows import FACES, PEOPLE


@pytest.fixture(scope="session")
def write_face_model() -> Callable[..., Bundle]:
    """``write_face_model(folder, labels, temperature, name)``: two small layers, fixed weights."""

    def write(
        folder: Path,
        labels: tuple[str, ...] = PRIMARY,
        temperature: float = 1.5,
        name: str = "tiny",
    ) -> Bundle:
        info = BundleInfo(
            name=name,
            inputs={
                "face": StreamSpec(TINY_SIZE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), kind="face")
            },
            outputs={"primary": SingleLabel(labels, temperature, node="logits")},
            licence="CC0-1.0",
        )
        card = f"# {name}\n\nFor tests only.\n".encode()
        return write_bundle(folder, info, {"model.onnx": tiny_model(labels), "CARD.md": card})

    return write


@pytest.fixture(scope="session")
def tiny_bundle(
    write_face_model: Callable[..., Bundle], tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    """A bundle of the real format whose model is two small layers with fixed random weights."""
    return write_face_model(tmp_path_factory.mktemp("models") / "tiny")


def tiny_context_info(face: Bundle) -> BundleInfo:
    """What the tiny context bundle says of itself, trained with that face bundle."""
    body = StreamSpec(
        TINY_SIZE, (0.5, 0.4, 0.3), (0.25, 0.2, 0.3),
        kind="body", crop="square", encoder="image.onnx",
    )  # fmt: skip
    return BundleInfo(
        name="tiny-context",
        inputs={
            "face": replace(face.info.streams["face"], encoder="bundle:face"),
            "body": body,
            "scene": replace(body, kind="scene", crop="stretch"),
            "has_face": NumbersSpec("has_face"),
            "geometry": NumbersSpec("geometry"),
        },
        outputs={
            "categories": MultiLabel(
                CATEGORIES,
                platt={label: (0.9 + 0.01 * i, -0.3) for i, label in enumerate(CATEGORIES)},
                thresholds={label: 0.3 + 0.01 * i for i, label in enumerate(CATEGORIES)},
            ),
            "vad": Dimensional(VAD, VAD_RANGE),
        },
        licence="CC0-1.0",
        borrowed={"primary": "face"},
        needs={"face": face.info.files["model.onnx"]},
    )


WriteContext = Callable[..., Bundle]


@pytest.fixture(scope="session")
def write_context(tiny_bundle: Bundle) -> WriteContext:
    """Writes a context bundle: ``write_context(folder, takes={}, encoders={}, **info)``.

    ``takes`` gives the inputs of the network and their widths; of those that are not given it is
    not said that it takes them. The face bundle that it needs is put beside it.
    """

    def write(
        folder: Path,
        *,
        takes: Mapping[str, int] = TINY_INPUTS,
        seed: int = 0,
        encoders: Mapping[str, bytes] | None = None,
        thresholds: bool = True,
        **changes: object,
    ) -> Bundle:
        shutil.copytree(tiny_bundle.folder, folder.parent / "face", dirs_exist_ok=True)
        files = {"model.onnx": tiny_head(takes, seed), "CARD.md": b"# tiny\n"}
        files |= {"image.onnx": tiny_encoder()} if encoders is None else encoders
        info = tiny_context_info(tiny_bundle)
        described = {"inputs": {n: spec for n, spec in info.inputs.items() if n in takes}}
        if not thresholds:
            plain = replace(info.outputs["categories"], thresholds={})
            described["outputs"] = info.outputs | {"categories": plain}
        return write_bundle(folder, replace(info, **{**described, **changes}), files)

    return write


@pytest.fixture(scope="session")
def tiny_context(write_context: WriteContext, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A context bundle of the real format with small fixed networks."""
    return write_context(tmp_path_factory.mktemp("models") / "tiny-context")


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
            Row(
                id=f"{split}-{label}-{i}",
                source=source,
                split=split,
                width=40,
                height=40,
                face=Face((2.0, 2.0, 38.0, 38.0), 1.0),
                shares={label: 1.0},
                label=label,
                content=draw_face(generator, PRIMARY_AND_CONTEMPT.index(label), masked=masked),
            )
            for split, count in (counts or {"train": 4, "val": 2}).items()
            for label in labels
            for i in range(count)
        ]
        write_manifest(folder, rows, labels=FACES, root=".", note={})
        return Manifest.open(folder)

    return write


WritePeople = Callable[..., Manifest]

PEOPLE_CATEGORIES = (("Anger",), ("Happiness", "Peace"), ("Engagement",), ("Peace", "Sadness"))
"""What the people of `write_drawn_people` feel, in turn: their colour tells which."""


@pytest.fixture(scope="session")
def write_drawn_people() -> WritePeople:
    """Writes a small manifest of drawn people: ``write_drawn_people(folder, counts)``.

    ``counts`` gives by split how many people each picture holds. Pictures are 96 x 64 PNGs with
    people side by side; every third person has no face, ``labels_only`` leaves the pictures out.
    """

    def write(
        folder: Path,
        counts: Mapping[str, tuple[int, ...]] | None = None,
        *,
        labels_only: bool = False,
    ) -> Manifest:
        rows: list[Row] = []
        folder.mkdir(parents=True, exist_ok=True)
        for split, sizes in (counts or {"train": (2, 1, 3), "val": (1, 2)}).items():
            for number, people in enumerate(sizes):
                name = f"{split}-{number}.png"
                drawn = [_drawn_person(len(rows) + i, i, people) for i in range(people)]
                if not labels_only:
                    _draw_people(folder / name, drawn, seed=len(rows))
                rows += [
                    Row(
                        id=f"{name}#{i}",
                        source="drawn",
                        split=split,
                        medium=None if labels_only else name,
                        width=96,
                        height=64,
                        box_xyxy=box,
                        categories=PEOPLE_CATEGORIES[kind],
                        vad=(2.0 + 2 * kind, 5.0, 7.0 - kind),
                        people=people,
                        face=face,
                        unit=name,
                        groups={"gender": "Female" if i % 2 else "Male", "age": "Adult"},
                    )
                    for i, (kind, box, face) in enumerate(drawn)
                ]
        write_manifest(folder, rows, labels=PEOPLE, root=".", note={})
        return Manifest.open(folder)

    return write


Drawn = tuple[int, tuple[float, float, float, float], Face | None]


def _drawn_person(number: int, place: int, people: int) -> Drawn:
    left, wide = 96 / people * place + 2, 96 / people - 4
    x1, y1, x2, y2 = left + wide / 4, 12.0, left + 3 * wide / 4, 24.0
    eyes = ((x1 + 2, y1 + 4), (x2 - 2, y1 + 5))
    mouth = (((x1 + x2) / 2, y1 + 7), (x1 + 3, y2 - 2), (x2 - 3, y2 - 1))
    face = None if number % 3 == 2 else Face((x1, y1, x2, y2), 0.9, (*eyes, *mouth))
    return number % len(PEOPLE_CATEGORIES), (left, 8.0, left + wide, 60.0), face


def _draw_people(path: Path, drawn: list[Drawn], seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :96]
    pixels = np.stack([rows, columns, rows + columns], axis=2) + generator.normal(0, 8, (64, 96, 3))
    for kind, (x1, y1, x2, y2), _ in drawn:
        colour = 128 + 90 * np.cos(kind * 1.7 + np.array([0.0, 2.1, 4.2]))
        part = pixels[int(y1) : int(y2), int(x1) : int(x2)]
        part[:] = colour + generator.normal(0, 12, part.shape)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)


def emotic_structs(items: list[dict[str, object]]) -> np.ndarray:
    """A MATLAB struct array: one field order, each field any value."""
    array = np.zeros((1, len(items)), dtype=[(name, object) for name in items[0]])
    for place, item in enumerate(items):
        for name, value in item.items():
            array[0, place][name] = value
    return array


def emotic_cell(names: tuple[str, ...]) -> np.ndarray:
    """A MATLAB cell of strings; one alone is a plain string, as MATLAB's squeezing leaves it."""
    if len(names) == 1:
        return np.array(names)
    cell = np.zeros((1, len(names)), dtype=object)
    cell[0, :] = names
    return cell


def emotic_person(
    box: tuple[float, ...],
    *votes: tuple[str, ...],
    vad: tuple[float, ...] = (5, 4, 7),
    combined: bool = True,
    gender: str = "Female",
    age: str = "Adult",
) -> dict[str, object]:
    """A person of the official layout; without ``combined`` as in train."""
    rated = dict(zip(("valence", "arousal", "dominance"), vad, strict=True))
    marked: list[dict[str, object]] = [{"categories": emotic_cell(names)} for names in votes]
    spread = [{name: v + place % 2 for name, v in rated.items()} for place in range(len(votes))]
    union = tuple(sorted({name for names in votes for name in names}))
    return {
        "body_bbox": np.array([box], dtype=np.float64),
        "annotations_categories": emotic_structs(marked),
        **({"combined_categories": emotic_cell(union)} if combined else {}),
        "annotations_continuous": emotic_structs(spread),  # type: ignore[arg-type]
        **({"combined_continuous": rated} if combined else {}),
        "gender": gender,
        "age": age,
    }


def emotic_entry(
    path: str, size: tuple[int, int], *people: dict[str, object], swapped: bool = False
) -> dict[str, object]:
    """A picture of the official layout: ``mscoco/images/a.jpg``, width and height, people."""
    folder, _, filename = path.rpartition("/")
    fields = {"n_col": size[0], "n_row": size[1]}
    stated = dict(reversed(fields.items())) if swapped else fields
    source = {"name": folder.split("/")[0], "info": {"image_id": 1, "annotations_id": 2}}
    return {
        "filename": filename,
        "folder": folder,
        "image_size": stated,
        "original_database": source,
        "person": people[0] if len(people) == 1 else emotic_structs(list(people)),
    }


def tiny_emotic_entries() -> dict[str, list[dict[str, object]]]:
    """Pictures with every trap of EMOTIC, by split."""

    def train(box: tuple[float, ...], *names: str, vad: tuple[float, ...] = (5, 4, 7)) -> dict:
        return emotic_person(box, names, vad=vad, combined=False, gender="Male", age="Kid")

    nan = float("nan")
    twin = train((10, 10, 40, 60), "Peace")
    return {
        "train": [
            emotic_entry(
                "mscoco/images/COCO_1.jpg",
                (96, 64),
                train((5, 5, 45, 60), "Engagement", "Happiness"),
                train((50.5, 4, 90, 62), "Anticipation"),
            ),
            emotic_entry(
                "framesdb/images/frame_1.jpg", (96, 64), twin, twin, train((0, 0, 10, 12), "Fear")
            ),
            emotic_entry(
                "emodb_small/images/abc.jpg",
                (64, 96),
                train((0, 40, 60, 96), "Doubt/Confusion"),
                swapped=True,
            ),
            emotic_entry("ade20k/images/ADE_1.jpg", (96, 64), train((1, 1, 30, 30), "Yearning")),
            emotic_entry("mscoco/images/COCO_2.jpg", (96, 64), train((1, 1, 30, 30), "Pain")),
            emotic_entry(
                "mscoco/images/COCO_3.jpg",
                (96, 64),
                train((100, 5, 120, 60), "Peace"),
                train((20, 5, 20, 60), "Peace"),
                train((60, 5, 110, 60), "Peace", vad=(nan, 4, 7)),
                train((5, 5, 40, 60)),
                train((45, 5, 58, 60), "Esteem", vad=(0, 4, 7)),
            ),
            emotic_entry("mscoco/images/COCO_4.jpg", (640, 480), train((1, 1, 30, 30), "Anger")),
        ],
        "val": [
            emotic_entry(
                "mscoco/images/COCO_1.jpg",
                (96, 64),
                emotic_person((5, 5, 45, 60), ("Engagement",), ("Fear", "Peace"), ("Engagement",)),
                emotic_person((50, 30, 90, 62), ("Sadness",), ("Sadness",), ()),
            ),
            emotic_entry(
                "framesdb/images/frame_2.jpg",
                (96, 64),
                emotic_person((8, 8, 80, 60), *[("Happiness",)] * 5),
            ),
        ],
        "test": [
            emotic_entry(
                "emodb_small/images/12ctuwhai2qxczp2wf.jpg",
                (64, 96),
                emotic_person((4, 4, 60, 90), (), ()),
                swapped=True,
            ),
            emotic_entry(
                "mscoco/images/COCO_5.jpg",
                (96, 64),
                emotic_person((8, 8, 80, 60), ("Surprise", "Fear"), ("Surprise",), vad=(6, 6, 6)),
            ),
        ],
    }


WriteEmotic = Callable[..., Path]


@pytest.fixture(scope="session")
def write_emotic() -> WriteEmotic:
    """Writes pictures and ``Annotations.mat`` in the official layout, with entries of any split.

    Of the tiny set, ``ADE_1.jpg`` is missing, ``COCO_2.jpg`` broken and ``COCO_4.jpg`` of another
    size than stated.
    """

    def write(folder: Path, entries: dict[str, list[dict[str, object]]] | None = None) -> Path:
        entries = tiny_emotic_entries() if entries is None else entries
        (folder / "Annotations").mkdir(parents=True, exist_ok=True)
        structs = {split: emotic_structs(own) for split, own in entries.items()}
        savemat(folder / "Annotations" / "Annotations.mat", structs, do_compression=True)
        for entry in (entry for own in entries.values() for entry in own):
            _draw_emotic_picture(folder / "emotic", entry)
        return folder

    return write


@pytest.fixture
def tiny_emotic(tmp_path: Path, write_emotic: WriteEmotic) -> Path:
    """A folder with the tiny EMOTIC."""
    return write_emotic(tmp_path / "EMOTIC")


def _draw_emotic_picture(root: Path, entry: dict[str, object]) -> None:
    path = root / str(entry["folder"]) / str(entry["filename"])
    size: dict[str, int] = entry["image_size"]  # type: ignore[assignment]
    if path.exists() or path.name == "ADE_1.jpg":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (64, 96) if size["n_row"] > 100 else (size["n_row"], size["n_col"])
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (*shape, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    if path.name == "COCO_2.jpg":
        path.write_bytes(path.read_bytes()[:600])
