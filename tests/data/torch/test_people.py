"""People as a data set: repeatable pictures, every stream from one decoding, balanced draws."""

from __future__ import annotations

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
from affekt.data.augment.people import PersonAugmentConfig
from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.row import Row
from affekt.data.torch import people as people_dataset
from affekt.data.torch.people import (
    PersonDataset,
    PersonSample,
    collate_people,
    fill_batches,
    picture_batches,
    picture_weights,
)
from affekt.errors import DataError, UsageError
from affekt.geometry import person_geometry
from affekt.labels import CATEGORIES
from affekt.media import read_picture
from fakes.rows import PEOPLE, person_row

WritePeople = Callable[..., Manifest]

GREY = StreamSpec(24, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), kind="body", crop="stretch")
STREAMS = {
    "face": replace(GREY, size=16, kind="face", crop="face-square"),
    "body": replace(GREY, crop="square"),
    "scene": replace(GREY, kind="scene"),
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, write_drawn_people: WritePeople) -> Manifest:
    return write_drawn_people(tmp_path_factory.mktemp("people"))


def varied(manifest: Manifest, seed: int = 5, epoch: int = 0) -> PersonDataset:
    config = PersonAugmentConfig(occlude=0.5)
    dataset = PersonDataset([manifest], ("train",), STREAMS, augment=config, seed=seed)
    dataset.epoch = epoch
    return dataset


def everyone(dataset: PersonDataset, order: list[int] | None = None) -> PersonSample:
    return collate_people([dataset[i] for i in order or range(len(dataset))])


def same(first: PersonSample, second: PersonSample) -> bool:
    pairs = zip([*first.images.values(), *first[1:]], [*second.images.values(), *second[1:]],
                strict=True)  # fmt: skip
    return all(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)) for a, b in pairs)


def test_plain_samples_are_the_crops_of_the_crop_rules(manifest: Manifest) -> None:
    dataset = PersonDataset([manifest], ("train",), STREAMS)
    assert (len(dataset), dataset.persons) == (3, 6)
    for item, people in zip(dataset, manifest.pictures("train"), strict=True):
        picture = read_picture(manifest.root / str(people[0].medium))
        for name, spec in STREAMS.items():
            for crop, row in zip(item.images[name], people, strict=True):
                expected = crop_stream(picture, spec, row.box_xyxy, row.face)
                black = np.zeros((spec.size, spec.size, 3), np.uint8)
                found = crop.numpy().transpose(1, 2, 0)
                np.testing.assert_array_equal(found, black if expected is None else expected)
        boxes = [row.box_xyxy for row in people]
        np.testing.assert_array_equal(item.geometry, person_geometry(boxes, 96, 64))
        assert item.has_face.tolist() == [row.face is not None for row in people]


def test_a_sample_has_the_documented_parts(manifest: Manifest) -> None:
    sample = PersonDataset([manifest], ("train",), STREAMS)[2]
    assert {name: tuple(i.shape) for name, i in sample.images.items()} == {
        "face": (3, 3, 16, 16), "body": (3, 3, 24, 24), "scene": (3, 3, 24, 24)
    }  # fmt: skip
    assert [part.dtype for part in (*sample.images.values(), *sample[1:])] == [
        *[torch.uint8] * 3, torch.bool, torch.bool, *[torch.float32] * 3, torch.int64
    ]  # fmt: skip
    assert sample.place.tolist() == [3, 4, 5]
    assert sample.pictured.all()
    happy = [CATEGORIES.index("Peace"), CATEGORIES.index("Sadness")]
    assert sample.categories[0].nonzero()[:, 0].tolist() == happy
    assert sample.vad[0].tolist() == [8.0, 5.0, 4.0]


def test_a_picture_is_decoded_once(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    plain = people_dataset.read_row_picture

    def counted(source: Manifest, row: Row) -> np.ndarray:
        read.append(row.id)
        return plain(source, row)

    monkeypatch.setattr(people_dataset, "read_row_picture", counted)
    everyone(PersonDataset([manifest], ("train", "val"), STREAMS))
    assert len(read) == 5


def test_a_blanked_scene_is_each_persons_own(manifest: Manifest) -> None:
    streams = {"scene": replace(GREY, kind="scene", blank_person=True)}
    scenes = PersonDataset([manifest], ("train",), streams)[2].images["scene"]
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
    assert torch.equal(first.images["body"], backwards.images["body"][order])
    for other in (varied(manifest, seed=6), varied(manifest, epoch=1)):
        assert not torch.equal(first.images["body"], everyone(other).images["body"])


def test_workers_change_nothing(manifest: Manifest) -> None:
    batches = [
        [
            PersonSample(*batch)
            for batch in DataLoader(
                varied(manifest),
                batch_sampler=[[2, 0], [1]],
                collate_fn=collate_people,
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
    sample = PersonDataset([bare], ("train",), STREAMS, augment=PersonAugmentConfig(flip=1))[0]
    assert not sample.pictured.any() and not sample.has_face.any()
    assert not any(crops.any() for crops in sample.images.values())
    assert sample.categories.sum() > 0 and sample.geometry.abs().sum() > 0


def person(name: str, **values: object) -> Row:
    return replace(person_row(name), **values)  # type: ignore[arg-type]


def dataset_of(folder: Path, rows: list[Row], **options: bool) -> PersonDataset:
    write_manifest(folder, rows, labels=PEOPLE, root=".", note={})
    return PersonDataset([Manifest.open(folder)], ("train",), STREAMS, **options)


def test_leaked_people_are_left_out_of_tuning_only(tmp_path: Path) -> None:
    rows = [person("a#0"), person("a#1", leak="in val"), person("b#0", leak="in val"),
            person("c#0", exclude="a copy")]  # fmt: skip
    assert [row.id for row in dataset_of(tmp_path, rows).rows] == ["a#0", "a#1", "b#0"]
    tuned = dataset_of(tmp_path, rows, tuning=True)
    assert [row.id for row in tuned.rows] == ["a#0"]
    assert (len(tuned), tuned.pictures.tolist()) == (1, [0])


def test_missing_vad_and_categories_are_nan_and_zero(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [person("a#0"), person("b#0", vad=(1.0, 2.0, 3.0))])
    assert np.isnan(dataset.vad[0]).all() and dataset.vad[1].tolist() == [1, 2, 3]
    assert dataset.categories.sum() == 0


def test_an_epoch_takes_every_picture_once_and_fills_batches(tmp_path: Path) -> None:
    rows = [person(f"{p}#{i}") for p in range(40) for i in range(1 + p % 5)]
    dataset = dataset_of(tmp_path, rows)
    batches = picture_batches(dataset, 8, 3, 0)
    assert sorted(i for batch in batches for i in batch) == list(range(40))
    people = [sum(dataset.items[i].people for i in batch) for batch in batches]
    assert max(people) <= 8
    firsts = [dataset.items[batch[0]].people for batch in batches[1:]]
    assert all(before + first > 8 for before, first in zip(people, firsts, strict=False))
    assert batches == picture_batches(dataset, 8, 3, 0)
    assert batches != picture_batches(dataset, 8, 3, 1)
    assert batches != picture_batches(dataset, 8, 4, 0)


def test_a_picture_of_many_people_is_a_batch_of_its_own(tmp_path: Path) -> None:
    rows = [person("a#0"), *(person(f"b#{i}") for i in range(5)), person("c#0")]
    assert fill_batches(dataset_of(tmp_path, rows), [0, 1, 2], 3) == [[0], [1], [2]]


def test_weights_are_the_inverse_frequency_of_the_rarest_category(tmp_path: Path) -> None:
    rows = [person("a#0", categories=("Engagement",)), person("b#0", categories=("Engagement",)),
            person("b#1", categories=("Engagement", "Pain")), person("c#0")]  # fmt: skip
    weights = picture_weights(dataset_of(tmp_path, rows), 1.0)
    by_hand = np.array([4 / 3, (4 / 3 + 4) / 2, 1])
    np.testing.assert_allclose(weights, by_hand / by_hand.sum())


def test_a_balanced_epoch_shows_rare_categories_more_often(tmp_path: Path) -> None:
    rare = [person(f"r{i}#0", categories=("Pain",)) for i in range(10)]
    usual = [person(f"u{i}#0", categories=("Engagement",)) for i in range(190)]
    dataset = dataset_of(tmp_path, rare + usual)

    def share(balance: float) -> float:
        order = [i for b in picture_batches(dataset, 16, 0, 0, balance=balance) for i in b]
        assert len(order) == 200
        return float(np.mean(np.array(order) < 10))

    assert share(0.0) == 0.05
    assert 0.4 < share(1.0) < 0.6
    assert picture_batches(dataset, 16, 0, 1, balance=1) == picture_batches(
        dataset, 16, 0, 1, balance=1
    )


def test_a_picture_that_changed_since_prepare_is_refused(
    tmp_path: Path, write_drawn_people: WritePeople
) -> None:
    changed = write_drawn_people(tmp_path)
    Image.new("RGB", (90, 64)).save(tmp_path / "train-0.png")
    dataset = PersonDataset([changed], ("train",), STREAMS)
    with pytest.raises(DataError, match="90 x 64 pixels, the manifest says 96 x 64: run `affekt"):
        dataset[0]


def test_a_missing_picture_is_named_with_its_person(
    tmp_path: Path, write_drawn_people: WritePeople
) -> None:
    dataset = PersonDataset([write_drawn_people(tmp_path)], ("train",), STREAMS)
    (tmp_path / "train-1.png").unlink()
    with pytest.raises(DataError, match=r"train-1\.png#0.* no picture at"):
        dataset[1]


def test_what_cannot_be_a_data_set_is_refused(manifest: Manifest) -> None:
    with pytest.raises(DataError, match="no people in the splits test"):
        PersonDataset([manifest], ("test",), STREAMS)
    with pytest.raises(UsageError, match="did you mean 'scene'"):
        PersonDataset([manifest], ("train",), {"scenes": GREY})


def test_the_identity_changes_with_data_splits_and_preprocessing(
    tmp_path: Path, write_drawn_people: WritePeople
) -> None:
    own = write_drawn_people(tmp_path)
    plain = PersonDataset([own], ("train",), STREAMS)
    same_again = PersonDataset([Manifest.open(tmp_path)], ("train",), STREAMS)
    assert plain.identity() == same_again.identity()
    others = [
        PersonDataset([own], ("val",), STREAMS),
        PersonDataset([own], ("train",), {**STREAMS, "body": GREY}),
        PersonDataset([own], ("train",), STREAMS, tuning=True),
    ]
    assert all(other.identity() != plain.identity() for other in others)
    before = plain.identity()
    with (tmp_path / "train-0.png").open("ab") as picture:
        picture.write(b"\0")
    assert plain.identity() != before
