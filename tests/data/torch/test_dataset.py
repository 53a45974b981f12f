"""Rows as a data set: repeatable pictures, every stream from one decoding, of people and faces."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from affekt.bundle import StreamSpec
from affekt.crops import crop_stream
from affekt.data.augment.config import AugmentConfig
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.row import Row
from affekt.data.manifests.targets import hard_labels, soft_target
from affekt.data.torch import dataset as room
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import GEOMETRY, Sample, collate
from affekt.errors import DataError, UsageError
from affekt.geometry import person_geometry
from affekt.labels import CATEGORIES
from affekt.media import read_picture
from fakes.rows import FACES, PEOPLE, face_row, manifest_of, person_row

WritePeople = Callable[..., Manifest]

GREY = StreamSpec(24, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), kind="body", crop="stretch")
LABELS = ("anger", "fear", "neutral")
INPUTS = {
    "face": replace(GREY, size=16, kind="face", crop="face-square"),
    "body": replace(GREY, crop="square"),
    "scene": replace(GREY, kind="scene"),
    GEOMETRY: None,
}


STREAMS = {name: spec for name, spec in INPUTS.items() if spec is not None}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, write_drawn_people: WritePeople) -> Manifest:
    return write_drawn_people(tmp_path_factory.mktemp("people"))


def varied(manifest: Manifest, seed: int = 5, epoch: int = 0) -> RowDataset:
    config = AugmentConfig(occlude=0.5)
    dataset = RowDataset([manifest], ("train",), INPUTS, PEOPLE, augment=config, seed=seed)
    dataset.epoch = epoch
    return dataset


def everyone(dataset: RowDataset, order: list[int] | None = None) -> Sample:
    return collate([dataset[i] for i in order or range(len(dataset))])


def tensors(sample: Sample) -> list[torch.Tensor]:
    named = [part for parts in sample[:3] for part in parts.values()]
    return [torch.nan_to_num(part) for part in (*named, sample.source, sample.place)]


def same(first: Sample, second: Sample) -> bool:
    return all(torch.equal(a, b) for a, b in zip(tensors(first), tensors(second), strict=True))


def test_plain_samples_are_the_crops_of_the_crop_rules(manifest: Manifest) -> None:
    dataset = RowDataset([manifest], ("train",), INPUTS, PEOPLE)
    assert (len(dataset), dataset.subjects) == (3, 6)
    for item, people in zip(dataset, manifest.pictures("train"), strict=True):
        picture = read_picture(manifest.root / str(people[0].medium))
        for name, spec in STREAMS.items():
            for crop, row in zip(item.images()[name], people, strict=True):
                expected = crop_stream(picture, spec, row.box_xyxy, row.face)
                black = np.zeros((spec.size, spec.size, 3), np.uint8)
                found = crop.numpy().transpose(1, 2, 0)
                np.testing.assert_array_equal(found, black if expected is None else expected)
        boxes = [row.box_xyxy for row in people]
        np.testing.assert_array_equal(item.inputs[GEOMETRY], person_geometry(boxes, 96, 64))
        assert item.present["face"].tolist() == [row.face is not None for row in people]


def test_a_sample_has_the_documented_parts(manifest: Manifest) -> None:
    sample = RowDataset([manifest], ("train",), INPUTS, PEOPLE)[2]
    assert {name: tuple(part.shape) for name, part in sample.inputs.items()} == {
        "face": (3, 1, 3, 16, 16), "body": (3, 1, 3, 24, 24), "scene": (3, 1, 3, 24, 24),
        "geometry": (3, 13),
    }  # fmt: skip
    assert {name: tuple(part.shape) for name, part in sample.images().items()} == {
        "face": (3, 3, 16, 16), "body": (3, 3, 24, 24), "scene": (3, 3, 24, 24)
    }  # fmt: skip
    dtypes = [part.dtype for part in (*sample.inputs.values(), *sample.targets.values())]
    assert dtypes == [torch.uint8] * 3 + [torch.float32] * 3
    assert {kind: own.tolist() for kind, own in sample.present.items()} == {
        "face": [True, True, False], "body": [True] * 3, "scene": [True] * 3, "geometry": [True] * 3
    }  # fmt: skip
    assert (sample.source.tolist(), sample.place.tolist()) == ([0, 0, 0], [3, 4, 5])
    happy = [CATEGORIES.index("Peace"), CATEGORIES.index("Sadness")]
    assert sample.targets["categories"][0].nonzero()[:, 0].tolist() == happy
    assert sample.targets["vad"][0].tolist() == [8.0, 5.0, 4.0]


def test_a_picture_is_decoded_once(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    plain = room.read_row_picture

    def counted(source: Manifest, row: Row) -> np.ndarray:
        read.append(row.id)
        return plain(source, row)

    monkeypatch.setattr(room, "read_row_picture", counted)
    everyone(RowDataset([manifest], ("train", "val"), INPUTS, PEOPLE))
    assert len(read) == 5


def test_a_blanked_scene_is_each_persons_own(manifest: Manifest) -> None:
    streams = {"scene": replace(GREY, kind="scene", blank_person=True)}
    scenes = RowDataset([manifest], ("train",), streams, PEOPLE)[2].images()["scene"]
    assert not torch.equal(scenes[0], scenes[1])
    middle = scenes[:, :, 12].float()  # across all three people, 8 pixels each
    for place in range(3):
        own = middle[place, :, 8 * place + 2 : 8 * place + 6]
        assert (own - 128).abs().max() <= 1


def test_a_sample_follows_from_seed_epoch_and_index_alone(manifest: Manifest) -> None:
    first = everyone(varied(manifest))
    assert same(first, everyone(varied(manifest)))
    backwards = everyone(varied(manifest), [2, 1, 0])
    order = backwards.place.argsort()
    assert torch.equal(first.images()["body"], backwards.images()["body"][order])
    for other in (varied(manifest, seed=6), varied(manifest, epoch=1)):
        assert not torch.equal(first.images()["body"], everyone(other).images()["body"])


def test_workers_change_nothing(manifest: Manifest) -> None:
    batches = [
        [
            Sample(*batch)
            for batch in DataLoader(
                varied(manifest),
                batch_sampler=[[2, 0], [1]],
                collate_fn=collate,
                num_workers=workers,
            )
        ]
        for workers in (0, 2)
    ]
    assert all(same(alone, shared) for alone, shared in zip(*batches, strict=True))
    assert batches[0][0].place.tolist() == [3, 4, 5, 0, 1]


def test_labels_without_pictures_have_labels_and_geometry(
    tmp_path: Path, write_drawn_people: WritePeople
) -> None:
    bare = write_drawn_people(tmp_path, labels_only=True)
    sample = RowDataset([bare], ("train",), INPUTS, PEOPLE, augment=AugmentConfig(flip=1))[0]
    assert not sample.present["scene"].any() and not sample.present["face"].any()
    assert not any(crops.any() for crops in sample.images().values())
    assert sample.targets["categories"].sum() > 0 and sample.inputs[GEOMETRY].abs().sum() > 0


def person(name: str, **values: object) -> Row:
    return replace(person_row(name), **values)  # type: ignore[arg-type]


def dataset_of(folder: Path, rows: list[Row], **options: bool) -> RowDataset:
    return RowDataset([manifest_of(folder, rows, PEOPLE)], ("train",), INPUTS, PEOPLE, **options)


def test_leaked_people_are_left_out_of_tuning_only(tmp_path: Path) -> None:
    rows = [person("a#0"), person("a#1", leak="in val"), person("b#0", leak="in val"),
            person("c#0", exclude="a copy")]  # fmt: skip
    assert [row.id for row in dataset_of(tmp_path, rows).rows] == ["a#0", "a#1", "b#0"]
    tuned = dataset_of(tmp_path, rows, tuning=True)
    assert [row.id for row in tuned.rows] == ["a#0"]
    assert (len(tuned), tuned.item_of.tolist()) == (1, [0])


def test_missing_vad_and_categories_are_nan_and_zero(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [person("a#0"), person("b#0", vad=(1.0, 2.0, 3.0))])
    assert np.isnan(dataset.targets["vad"][0]).all()
    assert dataset.targets["vad"][1].tolist() == [1, 2, 3]
    assert dataset.targets["categories"].sum() == 0


def test_a_picture_that_changed_since_prepare_is_refused(
    tmp_path: Path, write_drawn_people: WritePeople
) -> None:
    changed = write_drawn_people(tmp_path)
    Image.new("RGB", (90, 64)).save(tmp_path / "train-0.png")
    dataset = RowDataset([changed], ("train",), INPUTS, PEOPLE)
    with pytest.raises(DataError, match="90 x 64 pixels, the manifest says 96 x 64: run `affekt"):
        dataset[0]


def test_a_missing_picture_is_named_with_its_person(
    tmp_path: Path, write_drawn_people: WritePeople
) -> None:
    dataset = RowDataset([write_drawn_people(tmp_path)], ("train",), INPUTS, PEOPLE)
    (tmp_path / "train-1.png").unlink()
    with pytest.raises(DataError, match=r"train-1\.png#0.* no picture at"):
        dataset[1]


def test_what_cannot_be_a_data_set_is_refused(manifest: Manifest) -> None:
    with pytest.raises(
        DataError, match="no rows with a label of categories or vad in the splits test"
    ):
        RowDataset([manifest], ("test",), INPUTS, PEOPLE)
    with pytest.raises(UsageError, match="did you mean 'scene'"):
        RowDataset([manifest], ("train",), {"scenes": GREY}, PEOPLE)


def test_the_identity_changes_with_data_splits_and_preprocessing(
    tmp_path: Path, write_drawn_people: WritePeople
) -> None:
    own = write_drawn_people(tmp_path)
    plain = RowDataset([own], ("train",), INPUTS, PEOPLE)
    same_again = RowDataset([Manifest.open(tmp_path)], ("train",), INPUTS, PEOPLE)
    assert plain.identity() == same_again.identity()
    others = [
        RowDataset([own], ("val",), INPUTS, PEOPLE),
        RowDataset([own], ("train",), {**INPUTS, "body": GREY}, PEOPLE),
        RowDataset([own], ("train",), INPUTS, PEOPLE, tuning=True),
    ]
    assert all(other.identity() != plain.identity() for other in others)
    before = plain.identity()
    with (tmp_path / "train-0.png").open("ab") as picture:
        picture.write(b"\0")
    assert plain.identity() != before


# Faces alone


def face(number: int, shares: dict[str, float], **values: object) -> Row:
    packed = io.BytesIO()
    Image.new("RGB", (20, 20), (number, 0, 0)).save(packed, "PNG")
    return face_row(str(number), shares, (0, 0, 20, 20), **{"content": packed.getvalue(), **values})


def faces_of(folder: Path, rows: list[Row], split: str = "train") -> RowDataset:
    inputs = {"face": STREAMS["face"]}
    return RowDataset([manifest_of(folder, rows, FACES)], (split,), inputs, {"primary": LABELS})


def test_a_face_is_the_crop_of_the_crop_rule(tmp_path: Path) -> None:
    row = face(9, {"anger": 1.0})
    [item] = faces_of(tmp_path, [row])
    expected = crop_stream(read_picture(row.content or b""), STREAMS["face"], None, row.face)
    assert expected is not None
    np.testing.assert_array_equal(item.images()["face"][0].numpy().transpose(1, 2, 0), expected)
    assert not item.present["body"].any() and not item.present["geometry"].any()


def test_black_masks_change_with_seed_epoch_and_index_alone(
    tmp_path: Path, write_faces: Callable[..., Manifest]
) -> None:
    masked = write_faces(tmp_path, "drawn", LABELS, {"train": 3}, masked=True)

    def crops(epoch: int, order: list[int]) -> torch.Tensor:
        dataset = RowDataset(
            [masked], ("train",), {"face": STREAMS["face"]}, {"primary": LABELS},
            augment=AugmentConfig(background=1, surround=1), seed=5,
        )  # fmt: skip
        dataset.epoch = epoch
        return torch.cat([dataset[i].images()["face"] for i in order])

    there = list(range(9))
    assert torch.equal(crops(0, there), crops(0, there[::-1]).flip(0))
    assert not torch.equal(crops(0, there), crops(1, there))


def test_rows_without_a_wanted_label_or_anything_to_see_are_left_out(tmp_path: Path) -> None:
    rows = [
        face(1, {"contempt": 1.0}, label="contempt"),
        face(2, {"contempt": 0.6, "fear": 0.4}, label="contempt"),
        face(3, {"anger": 1.0}, label="anger", exclude="a copy"),
        face(4, {"anger": 0.5, "neutral": 0.5}),
        face(5, {"neutral": 1.0}, label="neutral", split="val"),
        face(6, {"neutral": 1.0}, face=None, box_xyxy=(0.0, 0.0, 9.0, 9.0)),
    ]
    dataset = faces_of(tmp_path, rows)
    assert [row.id for row in dataset.rows] == ["2", "4"]
    assert hard_labels(dataset.rows, "primary", LABELS).tolist() == [
        -1,
        -1,
    ]  # contempt is not told apart
    np.testing.assert_allclose(dataset.targets["primary"], [[0, 1, 0], [0.5, 0, 0.5]])
    with pytest.raises(DataError, match="no rows with a label of primary in the splits test"):
        faces_of(tmp_path, rows, "test")


def test_targets_keep_the_order_of_the_labels_and_sum_to_one() -> None:
    shares = {"fear": 0.3, "anger": 0.1, "contempt": 0.6}
    np.testing.assert_allclose(soft_target(shares, ("anger", "fear")), [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(soft_target(shares, ("fear", "sadness", "anger")), [0.75, 0, 0.25])
    assert soft_target(shares, ("neutral",)) is None


def test_faces_and_people_are_learnt_together_where_they_have_labels(
    tmp_path: Path, manifest: Manifest
) -> None:
    faces = manifest_of(tmp_path, [face(1, {"anger": 1.0})], FACES)
    heads = {"primary": LABELS, **PEOPLE}
    dataset = RowDataset([manifest, faces], ("train",), {"face": STREAMS["face"]}, heads)
    assert dataset.sources == ("drawn", "mine")
    assert np.isnan(dataset.targets["primary"]).any(axis=1).tolist() == [True] * 4 + [False]
    assert np.isnan(dataset.targets["vad"]).all(axis=1).tolist() == [False] * 4 + [True]


def test_a_stream_that_needs_the_person_refuses_a_face_alone(tmp_path: Path) -> None:
    faces = manifest_of(tmp_path, [face(1, {"anger": 1.0})], FACES)
    with pytest.raises(DataError, match="row '1' of 'mine': the stream body needs the person's"):
        RowDataset([faces], ("train",), {"body": STREAMS["body"]}, {"primary": LABELS})
