"""The feature store: equal to encoding afresh, kept through kills, never trusted unchecked."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affekt.bundle import StreamSpec
from affekt.data.augment.config import AugmentConfig
from affekt.data.manifests.manifest import Manifest
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import GEOMETRY, Sample, collate
from affekt.errors import DataError, OutputError, UsageError
from affekt.training.features import cache as features
from affekt.training.features import store as feature_store
from affekt.training.features.cache import cache_features
from affekt.training.features.store import FeatureStore
from fakes.rows import PEOPLE

WritePeople = Callable[..., Manifest]

GREY = StreamSpec(16, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), kind="body", crop="stretch")
STREAMS = {
    "face": replace(GREY, kind="face", crop="face-square"),
    "body": replace(GREY, size=24),
    "scene": replace(GREY, kind="scene"),
    GEOMETRY: None,
}
KEY = {"body": "1f", "scene": "2e"}
COUNTS = {"train": (2, 1, 3, 2, 1, 4), "val": (1, 2)}


class Encoder:
    """Mean colours of a 2 x 2 grid, and how many crops of each stream it was given."""

    def __init__(self) -> None:
        self.crops: dict[str, int] = {}

    def __call__(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        for name, crops in images.items():
            assert crops.dtype == torch.uint8 and len(crops) > 0
            self.crops[name] = self.crops.get(name, 0) + len(crops)
        return {name: _means(crops, 2 if name == "body" else 1) for name, crops in images.items()}


def _means(crops: Tensor, grid: int) -> Tensor:
    return torch.nn.functional.adaptive_avg_pool2d(crops.float() / 255, grid).flatten(1)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, write_drawn_people: WritePeople) -> Manifest:
    return write_drawn_people(tmp_path_factory.mktemp("people"), COUNTS)


@pytest.fixture
def dataset(manifest: Manifest) -> RowDataset:
    return RowDataset([manifest], ("train",), STREAMS, PEOPLE, augment=AugmentConfig(), seed=3)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "PEOPLE_PER_CHUNK", 4)


def encoded(dataset: RowDataset) -> tuple[Sample, dict[str, Tensor]]:
    """Everyone's features without a store; zero where there is no face."""
    batch = collate([dataset[i] for i in range(len(dataset))])
    found = Encoder()(batch.images())
    found["face"] = found["face"] * batch.present["face"][:, None]
    return batch, found


def at(dataset: RowDataset, view: int) -> RowDataset:
    config = dataset.augment if view else None
    seen = RowDataset(dataset.manifests, dataset.splits, STREAMS, PEOPLE, augment=config, seed=3)
    seen.epoch = view
    return seen


def same(first: FeatureStore, second: FeatureStore, people: int) -> bool:
    places = torch.arange(people)
    return all(
        torch.equal(a, b)
        for view in range(first.views)
        for a, b in zip(
            first.features(places, view).values(),
            second.features(places, view).values(),
            strict=True,
        )
    )


def test_a_store_equals_encoding_afresh_in_every_view(dataset: RowDataset, tmp_path: Path) -> None:
    store = cache_features(Encoder(), dataset, tmp_path, key=KEY, views=3)
    assert store.views == 3
    places = torch.tensor([7, 0, 12, 0])
    for view in range(3):
        batch, expected = encoded(at(dataset, view))
        expected |= {GEOMETRY: batch.inputs[GEOMETRY]}
        found = store.features(places, view)
        assert list(found) == ["face", "body", "scene", "geometry"]
        for name, rows in found.items():
            torch.testing.assert_close(rows, expected[name][places], rtol=1e-6, atol=1e-7)
    plain, varied = store.features(places, 0)["body"], store.features(places, 1)["body"]
    assert not torch.equal(plain, varied)


def test_scenes_are_encoded_once_and_missing_faces_never(
    dataset: RowDataset, tmp_path: Path
) -> None:
    encoder = Encoder()
    cache_features(encoder, dataset, tmp_path, key=KEY)
    probe = 1
    assert encoder.crops == {
        "face": int(dataset.present["face"].sum()) + probe, "body": 13 + probe, "scene": 6 + probe
    }  # fmt: skip


def test_a_blanked_scene_is_stored_per_person(manifest: Manifest, tmp_path: Path) -> None:
    streams = {"scene": replace(GREY, kind="scene", blank_person=True), GEOMETRY: None}
    encoder = Encoder()
    dataset = RowDataset([manifest], ("train",), streams, PEOPLE)
    store = cache_features(encoder, dataset, tmp_path, key=KEY)
    assert encoder.crops == {"scene": 13 + 1}
    first, second = store.features(torch.tensor([0, 1]))["scene"]
    assert not torch.equal(first, second)


def test_a_second_call_computes_nothing(dataset: RowDataset, tmp_path: Path) -> None:
    first = cache_features(Encoder(), dataset, tmp_path, key=KEY, views=2)
    encoder, calls = Encoder(), []
    second = cache_features(
        encoder, dataset, tmp_path, key=KEY, views=2, progress=lambda *done: calls.append(done)
    )
    assert set(encoder.crops.values()) == {1} and calls == []
    assert same(first, second, dataset.subjects)


def test_training_after_it_draws_the_same_whatever_was_stored(
    dataset: RowDataset, tmp_path: Path
) -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(0)
        cache_features(Encoder(), dataset, tmp_path, key=KEY, views=2)
        drawn.append(torch.rand(3))
    torch.manual_seed(0)
    assert torch.equal(drawn[0], torch.rand(3)) and torch.equal(drawn[0], drawn[1])


def test_progress_counts_people_over_all_views(dataset: RowDataset, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    cache_features(
        Encoder(), dataset, tmp_path, key=KEY, views=2, progress=lambda *done: calls.append(done)
    )
    assert calls == [(done + view, 26) for view in (0, 13) for done in (3, 6, 9, 13)]


class KilledError(Exception):
    pass


def dies_after(calls: int) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    encoder, left = Encoder(), [calls]

    def encode(images: dict[str, Tensor]) -> dict[str, Tensor]:
        left[0] -= 1
        if left[0] < 0:
            raise KilledError
        return encoder(images)

    return encode


@pytest.mark.parametrize("calls", [1, 2, 4, 7])
def test_a_run_that_was_cut_short_goes_on(dataset: RowDataset, tmp_path: Path, calls: int) -> None:
    with pytest.raises(KilledError):
        cache_features(dies_after(calls), dataset, tmp_path / "cut", key=KEY, views=2)
    encoder = Encoder()
    resumed = cache_features(encoder, dataset, tmp_path / "cut", key=KEY, views=2)
    whole = Encoder()
    uncut = cache_features(whole, dataset, tmp_path / "whole", key=KEY, views=2)
    assert same(resumed, uncut, dataset.subjects)
    body_of_chunk = [3, 3, 3, 4] * 2
    probe = 1
    assert encoder.crops["body"] == sum(body_of_chunk[calls - 1 :]) + probe


def _cache_slowly(root: Path, folder: Path) -> None:
    features.PEOPLE_PER_CHUNK = 4

    def slow(images: dict[str, Tensor]) -> dict[str, Tensor]:
        time.sleep(0.1)
        return Encoder()(images)

    dataset = RowDataset([Manifest.open(root)], ("train",), STREAMS, PEOPLE)
    cache_features(slow, dataset, folder, key=KEY)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_process_leaves_a_store_that_goes_on(manifest: Manifest, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking a process with threads
        process = context.Process(target=_cache_slowly, args=(manifest.path, tmp_path))
        process.start()
    deadline = time.monotonic() + 60
    while not _checks(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    done = _checks(tmp_path)
    assert 1 <= done < 4
    encoder = Encoder()
    dataset = RowDataset([manifest], ("train",), STREAMS, PEOPLE)
    store = cache_features(encoder, dataset, tmp_path, key=KEY)
    assert encoder.crops["body"] == sum([3, 3, 3, 4][done:]) + 1
    places = torch.arange(dataset.subjects)
    torch.testing.assert_close(store.features(places)["body"], encoded(dataset)[1]["body"])


def _checks(folder: Path) -> int:
    found = list(folder.glob("*/index.json"))
    return len(json.loads(found[0].read_text())["checks"]) if found else 0


def test_another_key_is_another_store_beside_it(dataset: RowDataset, tmp_path: Path) -> None:
    def stores(count: int) -> bool:
        return len(list(tmp_path.glob("*/index.json"))) == count

    cache_features(Encoder(), dataset, tmp_path, key=KEY)
    variants: list[Callable[[Encoder], object]] = [
        lambda e: cache_features(e, dataset, tmp_path, key={**KEY, "body": "2f"}),
        lambda e: cache_features(e, dataset, tmp_path, key=KEY, views=2),
        lambda e: cache_features(e, dataset, tmp_path, key=KEY, dtype="float16"),
        lambda e: cache_features(
            e, RowDataset(dataset.manifests, ("val",), STREAMS, PEOPLE), tmp_path, key=KEY
        ),
        lambda e: cache_features(
            e,
            RowDataset(dataset.manifests, ("train",), {"body": GREY, GEOMETRY: None}, PEOPLE),
            tmp_path,
            key=KEY,
        ),
    ]
    for count, variant in enumerate(variants, start=2):
        encoder = Encoder()
        variant(encoder)
        assert encoder.crops["body"] > 1 and stores(count)
    again = Encoder()
    cache_features(again, dataset, tmp_path, key=KEY)
    assert again.crops["body"] == 1 and stores(6)


def test_augmentation_and_seed_count_only_where_views_use_them(
    dataset: RowDataset, tmp_path: Path
) -> None:
    other = RowDataset(dataset.manifests, ("train",), STREAMS, PEOPLE)
    cache_features(Encoder(), dataset, tmp_path, key=KEY)
    encoder = Encoder()
    cache_features(encoder, other, tmp_path, key=KEY)
    assert encoder.crops["body"] == 1
    reseeded = RowDataset(
        dataset.manifests, ("train",), STREAMS, PEOPLE, augment=dataset.augment, seed=4
    )
    for varied in (dataset, reseeded):
        encoder = Encoder()
        cache_features(encoder, varied, tmp_path, key=KEY, views=2)
        assert encoder.crops["body"] == 26 + 1


def _truncate(folder: Path) -> None:
    path = folder / "body.npy"
    path.write_bytes(path.read_bytes()[:-40])


def _flip_a_bit(folder: Path) -> None:
    path = folder / "face.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 64
    path.write_bytes(content)


def _spoil_index(folder: Path) -> None:
    (folder / "index.json").write_text('{"version": 1, "ch')


def _other_version(folder: Path) -> None:
    path = folder / "index.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 0'))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_truncate, r"body\.npy: truncated or damaged .*computed anew"),
        (_flip_a_bit, "the feature store is damaged .a checksum differs.*computed anew"),
        (_spoil_index, "index cannot be read .*computed anew"),
        (_other_version, "version is not the one expected; .*computed anew"),
        (lambda folder: (folder / "scene.npy").unlink(), r"scene\.npy: .*No such file.*anew"),
    ],
)
def test_a_damaged_store_is_refused_and_made_anew_loudly(
    dataset: RowDataset,
    tmp_path: Path,
    damage: Callable[[Path], None],
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = cache_features(Encoder(), dataset, tmp_path / "good", key=KEY)
    cache_features(Encoder(), dataset, tmp_path / "bad", key=KEY)
    damage(next((tmp_path / "bad").glob("*/index.json")).parent)
    encoder = Encoder()
    again = cache_features(encoder, dataset, tmp_path / "bad", key=KEY)
    assert re.search(message, caplog.text)
    assert encoder.crops["body"] == 13 + 1
    assert same(first, again, dataset.subjects)


def test_damage_in_an_unfinished_store_is_found_as_well(
    dataset: RowDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KilledError):
        cache_features(dies_after(3), dataset, tmp_path, key=KEY)
    path = next(tmp_path.glob("*/geometry.npy"))
    content = bytearray(path.read_bytes())
    content[len(content) - 13 * 13 * 4] ^= 64  # the first person's first number
    path.write_bytes(content)
    cache_features(Encoder(), dataset, tmp_path, key=KEY)
    assert "computed anew" in caplog.text


def test_half_the_space_keeps_three_digits(dataset: RowDataset, tmp_path: Path) -> None:
    full = cache_features(Encoder(), dataset, tmp_path, key=KEY)
    half = cache_features(Encoder(), dataset, tmp_path, key=KEY, dtype="float16")
    places = torch.arange(dataset.subjects)
    for name, rows in half.features(places).items():
        assert rows.dtype == torch.float32
        torch.testing.assert_close(rows, full.features(places)[name], rtol=1e-3, atol=1e-4)
    sizes = [(store.folder / "body.npy").stat().st_size - 128 for store in (full, half)]
    assert sizes[0] == 2 * sizes[1]
    assert torch.equal(half.features(places)["geometry"], full.features(places)["geometry"])


def test_features_that_do_not_fit_are_refused(dataset: RowDataset, tmp_path: Path) -> None:
    def huge(images: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: values * 1e5 for name, values in Encoder()(images).items()}

    with pytest.raises(
        DataError, match=r"\.png: its \w+ features .* float16; set features.dtype to float32"
    ):
        cache_features(huge, dataset, tmp_path, key=KEY, dtype="float16")
    cache_features(huge, dataset, tmp_path, key=KEY)


def test_people_without_pictures_are_stored_as_zeros(
    tmp_path: Path, write_drawn_people: WritePeople
) -> None:
    bare = write_drawn_people(tmp_path / "set", labels_only=True)
    encoder = Encoder()
    dataset = RowDataset([bare], ("train",), STREAMS, PEOPLE)
    store = cache_features(encoder, dataset, tmp_path / "store", key=KEY)
    found = store.features(torch.arange(dataset.subjects))
    assert found.pop(GEOMETRY).any()
    assert not any(rows.any() for rows in found.values())


def test_workers_change_nothing(dataset: RowDataset, tmp_path: Path) -> None:
    alone = cache_features(Encoder(), dataset, tmp_path / "0", key=KEY, views=2)
    shared = cache_features(Encoder(), dataset, tmp_path / "2", key=KEY, views=2, workers=2)
    assert same(alone, shared, dataset.subjects)


def test_what_cannot_be_stored_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    plain = RowDataset([manifest], ("train",), STREAMS, PEOPLE)
    with pytest.raises(UsageError, match="3 views: give 1, or more with augmentation"):
        cache_features(Encoder(), plain, tmp_path, key=KEY, views=3)
    with pytest.raises(UsageError, match="'bfloat16': give float32 or float16"):
        cache_features(Encoder(), plain, tmp_path, key=KEY, dtype="bfloat16")


def test_a_full_disk_is_an_error_of_one_line_and_nothing_is_lost(
    dataset: RowDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = feature_store.write_atomically, [3]

    def full(path: Path, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(feature_store, "write_atomically", full)
    with pytest.raises(OutputError, match=r"No space left on device\); what is there stays, run"):
        cache_features(Encoder(), dataset, tmp_path, key=KEY)
    monkeypatch.setattr(feature_store, "write_atomically", write)
    encoder = Encoder()
    cache_features(encoder, dataset, tmp_path, key=KEY)
    assert encoder.crops["body"] == 3 + 4 + 1


def test_a_picture_that_cannot_be_read_is_named_and_the_rest_is_kept(
    tmp_path: Path, write_drawn_people: WritePeople
) -> None:
    own = write_drawn_people(tmp_path / "set", COUNTS)
    spoilt = tmp_path / "set" / "train-4.png"
    content = spoilt.read_bytes()
    spoilt.write_bytes(bytes(len(content)))
    dataset = RowDataset([own], ("train",), STREAMS, PEOPLE)
    with pytest.raises(DataError, match=r"train-4\.png#0"):
        cache_features(Encoder(), dataset, tmp_path / "store", key=KEY)
    spoilt.write_bytes(content)
    encoder = Encoder()
    cache_features(encoder, dataset, tmp_path / "store", key=KEY)
    assert encoder.crops["body"] == 3 + 4 + 1


def test_numpy_sees_what_was_written(dataset: RowDataset, tmp_path: Path) -> None:
    store = cache_features(Encoder(), dataset, tmp_path, key=KEY)
    body = np.load(store.folder / "body.npy")
    assert body.shape == (1, 13, 12)
    assert np.load(store.folder / "scene.npy").shape == (1, 6, 3)
    np.testing.assert_array_equal(body[0], store.features(torch.arange(13))["body"].numpy())
