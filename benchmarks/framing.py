"""Contact sheet of the crop rule: FER+, a set of ready crops, and faces detected in photos.

    python benchmarks/framing.py --ferplus out/ferplus --folders out/affect7 \
        --photos emotic/mscoco --portraits obama.jpg two_people.jpg --out docs/images/framing.png

Each set's row shows mean faces, never a single person, so the sheet may be published whatever the
pictures' licence; only ``--portraits`` are shown one by one. The lines stand at the median height
of the eyes and of the mouth over all the sets.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from affekt.arrays import FloatArray
from affekt.crops import face_matrix
from affekt.data.manifests.manifest import Manifest
from affekt.data.manifests.pictures import read_face_crop
from affekt.data.sets.framing import find_face_in_crop
from affekt.geometry import roll_degrees
from affekt.inference.find.faces import FaceDetector, load_face_detector
from affekt.labels import PRIMARY
from affekt.media import FORMATS, ImageRgb, read_picture, resize, warp, write_picture
from affekt.results import Face

SIZE = 96
CELL = 160
MARGIN = 34
PER_SET = 500
PER_LABEL = 100
SMALLEST = 40
"""Detected faces under this many pixels show too little to measure."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the sheet: captions and crops, and the crops that it is measured on."""

    title: str
    cells: list[tuple[str, ImageRgb]]
    crops: list[ImageRgb]


@dataclass(frozen=True, slots=True)
class Measure:
    """Medians over the frontal faces of a set, in pixels of a crop of `SIZE`."""

    frontal: int
    eyes_y: float
    mouth_y: float
    eye_distance: float


def main() -> None:
    """Measure, print and draw."""
    options = _options()
    detector = load_face_detector()
    rows = [
        _set_row("FER+, 48 px grey crops", Manifest.open(options.ferplus)),
        _set_row(options.folders_title, Manifest.open(options.folders)),
        _photo_row(options.photos, options.portraits, detector),
    ]
    measures = [measure(row.crops, detector) for row in rows]
    for row, found in zip(rows, measures, strict=True):
        print(
            f"{row.title}: {found.frontal} frontal of {len(row.crops)} crops; of {SIZE} px: eyes "
            f"{found.eyes_y:.1f}, mouth {found.mouth_y:.1f}, eye distance {found.eye_distance:.1f}"
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_picture(options.out, sheet(rows, measures))


def measure(crops: Iterable[ImageRgb], detector: FaceDetector) -> Measure:
    """Where the eyes and the mouth stand in frontal faces, by the detector's landmarks."""
    faces = (find_face_in_crop(crop, detector.detect) for crop in crops)
    found = [face.landmarks_xy for face in faces if face and face.landmarks_xy and _frontal(face)]
    points = np.array(found)
    return Measure(
        len(points),
        float(np.median(points[:, :2, 1].mean(axis=1))),
        float(np.median(points[:, 3:, 1].mean(axis=1))),
        float(np.median(np.linalg.norm(points[:, 1] - points[:, 0], axis=1))),
    )


def sheet(rows: list[Row], measures: list[Measure]) -> ImageRgb:
    """The rows under each other, with lines at the median heights of the eyes and the mouth."""
    columns = max(len(row.cells) for row in rows)
    image = Image.new("RGB", (columns * CELL, len(rows) * (CELL + MARGIN)), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    heights = [
        np.median([found.eyes_y for found in measures]),
        np.median([found.mouth_y for found in measures]),
    ]
    for number, row in enumerate(rows):
        top = number * (CELL + MARGIN)
        draw.text((4, top + 1), row.title, "black", font)
        for column, (caption, crop) in enumerate(row.cells):
            draw.text((column * CELL + 4, top + 17), caption, "#555555", font)
            cell = Image.fromarray(resize(crop, CELL, CELL))
            image.paste(cell, (column * CELL, top + MARGIN))
        for height in heights:
            y = top + MARGIN + float(height) * CELL / SIZE
            draw.line((0, y, len(row.cells) * CELL, y), "#00e5ff", 1)
    return np.asarray(image)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ferplus", type=Path, required=True, help="its manifest")
    parser.add_argument("--folders", type=Path, required=True, help="manifest of ready crops")
    parser.add_argument("--folders-title", default="affect7, 112 px masked colour crops")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos")
    parser.add_argument("--portraits", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/images/framing.png"))
    return parser.parse_args()


def _set_row(title: str, manifest: Manifest) -> Row:
    by_label: dict[str, list[ImageRgb]] = {label: [] for label in PRIMARY}
    for row in manifest.rows():
        crops = by_label.get(row.label or "")
        if crops is not None and len(crops) < PER_LABEL:
            crops.append(read_face_crop(manifest, row, SIZE))
    crops = [crop for group in zip(*by_label.values(), strict=False) for crop in group][:PER_SET]
    cells = [(f"mean of {len(crops)}", _mean(crops))]
    cells += [(f"{label}, mean of {len(own)}", _mean(own)) for label, own in by_label.items()]
    return Row(title, cells, crops)


def _photo_row(photos: Path, portraits: list[Path], detector: FaceDetector) -> Row:
    files = sorted(path for path in photos.rglob("*") if path.suffix.lower() in FORMATS)
    crops = list(islice(_detected(files, detector), PER_SET))
    cells = [(f"mean of {len(crops)}", _mean(crops))]
    for path in portraits:
        cells += [(path.name, crop) for crop in _detected([path], detector)]
    return Row("Frontal faces detected in photos", cells, crops)


def _detected(files: Iterable[Path], detector: FaceDetector) -> Iterator[ImageRgb]:
    for file in files:
        image = read_picture(file)
        for face in detector.detect(image):
            x1, y1, x2, y2 = face.box_xyxy
            if max(x2 - x1, y2 - y1) >= SMALLEST and _frontal(face):
                yield warp(image, face_matrix(face, SIZE), SIZE)


def _frontal(face: Face) -> bool:
    """Whether the nose stands midway between level eyes: in a turned face they are foreshortened.

    A face without landmarks counts, as nothing is measured on it.
    """
    if face.landmarks_xy is None:
        return True
    left, right, nose = np.array(face.landmarks_xy[:3])
    off_middle = abs(nose[0] - (left[0] + right[0]) / 2)
    return bool(off_middle < (right[0] - left[0]) / 6 and abs(roll_degrees(face.landmarks_xy)) < 15)


def _mean(crops: list[ImageRgb]) -> ImageRgb:
    mean: FloatArray = np.mean(crops, axis=0)
    return mean.round().astype(np.uint8)


if __name__ == "__main__":
    main()
