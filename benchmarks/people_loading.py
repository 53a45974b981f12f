"""Where the time goes when people are loaded for training, per 1,000 of them.

    python benchmarks/people_loading.py --data out/emotic

Decoding, cropping, augmentation and encoding are measured apart, each in CPU seconds, so that
other work on the machine counts less; then the feature store, and beside it a loader that, like
the code commonly used for EMOTIC, decodes a picture once per person and keeps every crop.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import output
from affekt.bundle import StreamSpec
from affekt.crops import crop_stream
from affekt.data.augment.config import AugmentConfig
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_row_picture
from affekt.data.torch.dataset import RowDataset
from affekt.data.torch.sample import GEOMETRY
from affekt.models.encoder import build_encoder
from affekt.training.features.cache import cache_features

SIZE, FACE_SIZE = 160, 96
BACKBONE = "efficientnet_lite0"
FULL = 34_320
"""People in the whole of EMOTIC."""


def main() -> None:
    """Measure, print and write."""
    options = _options()
    manifest = Manifest.open(options.data)
    splits = ("train", "val", "test")
    inputs = {**_streams(), GEOMETRY: None}
    plain = RowDataset([manifest], splits, inputs, manifest.labels)
    varied = RowDataset([manifest], splits, inputs, manifest.labels, augment=AugmentConfig())
    figures = {
        "data": manifest.note.get("set", manifest.path.parent.name),
        "people": plain.subjects,
        "pictures": len(plain),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "backbone": BACKBONE,
        **_parts(plain, varied),
        **_encoding(plain, options.encode),
        **_kept(plain),
    }
    output.write("people_loading", figures, _page(figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", required=True, help="a folder written by affekt prepare emotic")
    parser.add_argument("--encode", type=int, default=200, help="pictures to encode")
    return parser.parse_args()


def _streams() -> dict[str, StreamSpec]:
    body = StreamSpec(SIZE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), kind="body", crop="stretch")
    return {
        "face": replace(body, size=FACE_SIZE, kind="face", crop="face-square"),
        "body": body,
        "scene": replace(body, kind="scene"),
    }


def _parts(plain: RowDataset, varied: RowDataset) -> dict[str, float]:
    """CPU seconds of decoding, cropping and augmentation, and what loading adds to the memory."""
    items, per = range(len(plain)), 1000 / plain.subjects
    decode = _seconds(_decode(plain, i) for i in items) * per
    whole, grown = _grown(lambda: _seconds(plain[i] for i in items))
    augmented = _seconds(varied[i] for i in items)
    return {
        "decode_s": decode,
        "crop_s": whole * per - decode,
        "augment_s": (augmented - whole) * per,
        "loading_mb": grown,
    }


def _decode(dataset: RowDataset, item: int) -> Any:
    picture = dataset.items[item]
    return read_row_picture(picture.manifest, dataset.rows[picture.first])


def _encoding(dataset: RowDataset, pictures: int) -> dict[str, float]:
    """CPU seconds of frozen encoders on the first pictures, and of reading what was stored."""
    some = _first(dataset, pictures)
    encoders = {
        name: build_encoder(BACKBONE, "random", spec.size)[0].eval()
        for name, spec in dataset.inputs.items()
        if spec is not None
    }

    def encode(images: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: encoders[name](crops / 255) for name, crops in images.items()}

    per = 1000 / some.subjects
    loading = _seconds(some[i] for i in range(len(some)))
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        store = cache_features(encode, some, folder, key={})
        first = time.process_time() - started
        again = _seconds(cache_features(encode, some, folder, key={}) for _ in range(1))
        batches = torch.chunk(torch.randperm(some.subjects), some.subjects // 64 + 1)
        epoch = _seconds(store.features(batch) for _ in range(10) for batch in batches) / 10
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*.npy")) / 1e6
    return {
        "encode_s": (first - loading) * per,
        "stored_open_s": again,
        "stored_epoch_s": epoch * per,
        "stored_mb": disk * per,
    }


def _first(dataset: RowDataset, pictures: int) -> RowDataset:
    some = RowDataset(dataset.manifests, dataset.splits, dataset.inputs, dataset.heads)
    some.items = some.items[:pictures]
    people = some.items[-1].last
    some.rows, some.item_of = some.rows[:people], some.item_of[:people]
    return some


def _kept(dataset: RowDataset) -> dict[str, float]:
    """A loader that decodes once per person and keeps every crop: CPU seconds and memory."""
    started = time.process_time()
    kept = _keep_all(dataset)
    per = 1000 / dataset.subjects
    return {
        "kept_s": (time.process_time() - started) * per,
        "kept_mb": sum(crops.nbytes for crops in kept.values()) / 1e6 * per,
    }


def _keep_all(dataset: RowDataset) -> dict[str, Any]:
    streams = {name: spec for name, spec in dataset.inputs.items() if spec is not None}
    crops: dict[str, list[Any]] = {name: [] for name in streams}
    for place, row in enumerate(dataset.rows):
        picture = _decode(dataset, int(dataset.item_of[place]))
        for name, spec in streams.items():
            crop = crop_stream(picture, spec, row.person_xyxy, row.face)
            black = np.zeros((spec.size, spec.size, 3), np.uint8)
            crops[name].append(black if crop is None else crop)
    return {name: np.stack(each) for name, each in crops.items()}


def _seconds(work: Iterable[Any]) -> float:
    """CPU seconds of this process, all its threads together."""
    started = time.process_time()
    for _ in work:
        pass
    return time.process_time() - started


def _grown(work: Callable[[], float]) -> tuple[float, float]:
    """What the work gives, and by how many MB the process is larger after it."""
    gc.collect()
    before = _resident()
    result = work()
    gc.collect()
    return result, (_resident() - before) / 1e6


def _resident() -> int:
    """Bytes of memory this process holds, as Linux counts them."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _page(figures: dict[str, Any]) -> str:
    def line(name: str, seconds: str, note: str = "") -> list[str]:
        return [name, f"{figures[seconds]:.3g}", note]

    loading = figures["decode_s"] + figures["crop_s"]
    share = figures["encode_s"] / (loading + figures["encode_s"])
    ours = f"{figures['loading_mb']:.0f} MB more after all the pictures"
    full = figures["kept_mb"] * FULL / 1000 / 1000
    kept = f"{figures['kept_mb']:.0f} MB of crops per 1,000 people, {full:.1f} GB for EMOTIC"
    disk = f"{figures['stored_mb']:.1f} MB on disk per 1,000 people and view"
    rows = [
        line("decode, once per picture", "decode_s"),
        line("crop three streams", "crop_s"),
        line("augment", "augment_s"),
        line(f"encode with three frozen {figures['backbone']}", "encode_s"),
        line("an epoch from the feature store", "stored_epoch_s", disk),
        ["an epoch of plain loading", f"{loading:.3g}", ours],
        line("fill a loader that keeps every crop", "kept_s", kept),
    ]
    return "\n".join(
        [
            "# Loading people",
            "",
            f"{figures['people']:,} people in {figures['pictures']:,} pictures of "
            f"{figures['data']}; crops of {SIZE} pixels, faces of {FACE_SIZE}; one process, "
            f"{figures['cpus']} CPUs at a load of {figures['load']}.",
            "",
            output.table(["per 1,000 people", "CPU seconds", "memory"], rows),
            "",
            f"The encoders are {share:.0%} of an epoch that encodes, all on the CPU. Opening a "
            f"feature store takes {figures['stored_open_s']:.2g} CPU seconds, its checks included.",
        ]
    )


if __name__ == "__main__":
    main()
