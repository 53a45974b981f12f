"""Manifests as a data set: repeatable samples, soft targets, and what is left out."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from affekt.crops import face_matrix
from affekt.data.augment.faces import AugmentConfig
from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.row import Row
from affekt.data.torch.faces import FaceDataset, Sample, soft_target, source_priors
from affekt.errors import DataError
from affekt.media import read_picture, warp
from fakes.rows import FACES, face_row

LABELS = ("anger", "fear", "neutral")


@pytest.fixture(scope="module")
def manifest(
    tmp_path_factory: pytest.TempPathFactory, write_faces: Callable[..., Manifest]
) -> Manifest:
    folder = tmp_path_factory.mktemp("masked")
    return write_faces(folder, "drawn", LABELS, {"train": 3, "val": 1}, masked=True)


def varied(manifest: Manifest, seed: int = 5, epoch: int = 0) -> FaceDataset:
    dataset = FaceDataset([manifest], "train", LABELS, 32, augment=AugmentConfig(), seed=seed)
    dataset.epoch = epoch
    return dataset


def faces_of(dataset: FaceDataset, order: list[int] | None = None) -> torch.Tensor:
    return torch.stack([dataset[i].face for i in order or range(len(dataset))])


def row(number: int, soft: dict[str, float], **values: Any) -> Row:
    packed = io.BytesIO()
    Image.new("RGB", (20, 20), (number, 0, 0)).save(packed, "PNG")
    given = {"split": "train", "source": "mine", "content": packed.getvalue(), **values}
    return face_row(str(number), soft, (0, 0, 20, 20), **given)


def manifest_of(folder: Path, rows: list[Row]) -> Manifest:
    write_manifest(folder, rows, labels=FACES, root=".", note={})
    return Manifest.open(folder)


def test_without_augmentation_a_sample_is_the_crop_of_the_crop_rule(manifest: Manifest) -> None:
    dataset = FaceDataset([manifest], "val", LABELS, 32)
    for sample, face in zip(dataset, manifest.rows("val"), strict=True):
        assert face.content is not None
        matrix = face_matrix(face.face, 32)
        expected = warp(read_picture(face.content), matrix, 32)
        np.testing.assert_array_equal(sample.face.numpy().transpose(1, 2, 0), expected)


def test_a_sample_follows_from_seed_epoch_and_index_alone(manifest: Manifest) -> None:
    first = faces_of(varied(manifest))
    assert torch.equal(first, faces_of(varied(manifest)))
    backwards = list(range(len(first)))[::-1]
    assert torch.equal(first, faces_of(varied(manifest), backwards)[backwards])
    assert not torch.equal(first, faces_of(varied(manifest, seed=6)))
    assert not torch.equal(first, faces_of(varied(manifest, epoch=1)))


def test_workers_change_nothing(manifest: Manifest) -> None:
    batches = [
        [Sample(*batch) for batch in DataLoader(varied(manifest), batch_size=4, num_workers=n)]
        for n in (0, 2)
    ]
    for alone, shared in zip(*batches, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_a_sample_has_the_documented_parts(manifest: Manifest) -> None:
    sample = varied(manifest)[4]
    assert (sample.face.dtype, tuple(sample.face.shape)) == (torch.uint8, (3, 32, 32))
    assert sample.target.tolist() == [0.0, 1.0, 0.0]
    assert (sample.label.item(), sample.source.item(), sample.place.item()) == (1, 0, 4)


def test_targets_keep_the_order_of_the_labels_and_sum_to_one() -> None:
    soft = {"fear": 0.3, "anger": 0.1, "contempt": 0.6}
    np.testing.assert_allclose(soft_target(soft, ("anger", "fear")), [0.25, 0.75], rtol=1e-6)
    np.testing.assert_allclose(soft_target(soft, ("fear", "sadness", "anger")), [0.75, 0, 0.25])


def test_rows_without_a_wanted_label_and_excluded_rows_are_left_out(tmp_path: Path) -> None:
    rows = [
        row(1, {"contempt": 1.0}, label="contempt"),
        row(2, {"contempt": 0.6, "fear": 0.4}, label="contempt"),
        row(3, {"anger": 1.0}, label="anger", exclude="a copy"),
        row(4, {"anger": 0.5, "neutral": 0.5}),
        row(5, {"neutral": 1.0}, label="neutral", split="val"),
    ]
    dataset = FaceDataset([manifest_of(tmp_path, rows)], "train", LABELS, 32)
    assert [face.id for face in dataset.rows] == ["2", "4"]
    assert dataset.hard.tolist() == [-1, -1]  # contempt is not told apart, the other has none
    np.testing.assert_allclose(dataset.targets, [[0, 1, 0], [0.5, 0, 0.5]])


def test_each_source_has_its_own_prior(tmp_path: Path) -> None:
    first = [row(1, {"anger": 1.0}), row(2, {"anger": 0.5, "fear": 0.5})]
    second = [row(3, {"neutral": 1.0}, source="yours")]
    manifests = [manifest_of(tmp_path / "a", first), manifest_of(tmp_path / "b", second)]
    dataset = FaceDataset(manifests, "train", LABELS, 32)
    assert dataset.sources == ("mine", "yours")
    assert dataset.source_of.tolist() == [0, 0, 1]
    np.testing.assert_allclose(source_priors(dataset), [[0.75, 0.25, 0], [0, 0, 1]])


def test_a_split_without_faces_is_refused(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, [row(1, {"anger": 1.0})])
    with pytest.raises(DataError, match="no faces with a label in split 'val'"):
        FaceDataset([manifest], "val", LABELS, 32)


def test_a_missing_picture_is_named_with_its_face(tmp_path: Path) -> None:
    missing = row(7, {"anger": 1.0}, content=None, medium="pictures/absent.png")
    dataset = FaceDataset([manifest_of(tmp_path, [missing])], "train", LABELS, 32)
    with pytest.raises(DataError, match=r"row '7' of 'mine': no picture at .*absent\.png"):
        dataset[0]
