"""Memory that `affekt predict` takes for the largest pictures of each kind, alone and in a folder.

python benchmarks/largest.py
"""

from __future__ import annotations

import argparse
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from launch import commit, processor
from output import insert, table, write
from watching import predict

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
SIDE, TILE, TURNED = 10_000, 500, 6
HALF = 7071
"""A picture of WebP may have half the pixels, see `affekt.media.kinds`."""

Save = Callable[[Path], None]


def main() -> None:
    """Measures each kind, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=12, help="pictures in the folder")
    parser.add_argument("--model", default="face")
    parser.add_argument("--make", type=Path, help="only write a picture of one kind there")
    parser.add_argument("kinds", nargs="*", help="all by default")
    options = parser.parse_args()
    chosen = [kind for kind in kinds() if kind[0] in options.kinds or not options.kinds]
    if options.make:
        chosen[0][2](options.make)
        return
    rows = [measure(kind, suffix, options.many, options.model) for kind, suffix, _ in chosen]
    figures = {
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "model": options.model,
        "pictures": rows,
    }
    page = render(figures, options.many)
    write("largest", figures, page)
    if not options.kinds:
        insert(PAGE, "largest pictures", page)


def measure(kind: str, suffix: str, many: int, model: str) -> dict[str, Any]:
    """Peak memory and time for one picture and for a folder of them.

    The pictures are made in a process of its own: Linux counts the most memory that a process held
    as held by those it starts, too.
    """
    figures: dict[str, Any] = {"kind": kind}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make = [sys.executable, __file__, "--make", str(folder / f"0{suffix}"), kind]
        subprocess.run(make, check=True)
        for count in (1, many):
            for number in range(1, count):
                os.link(folder / f"0{suffix}", folder / f"{number}{suffix}")
            run = predict(["--model", model, str(folder)], folder / "r.jsonl", patience=600.0)
            if run.code:
                raise SystemExit("\n".join(run.lines))
            figures[f"mb_{count}"], figures[f"seconds_{count}"] = run.peak_mb, run.seconds
    print(figures, file=sys.stderr)
    return figures


def kinds() -> Iterator[tuple[str, str, Save]]:
    """What is measured: a name, a suffix, and what writes such a picture."""
    yield "JPEG", ".jpg", _saved()
    yield "JPEG, progressive, turned", ".jpg", _saved(progressive=True, exif=_turned())
    yield "JPEG, CMYK", ".jpg", _saved("CMYK")
    yield "PNG", ".png", _saved(compress_level=1)
    yield "PNG with alpha", ".png", _saved("RGBA", compress_level=1)
    yield "PNG, 16 bits grey", ".png", partial(_sixteen, kind="PNG", compress_level=1)
    yield "PNG, 1 bit, 100 x 1,000,000", ".png", _thin
    yield "BMP", ".bmp", _saved()
    yield "GIF", ".gif", _saved("P")
    yield "WebP, lossless (50 megapixels)", ".webp", _saved(side=HALF, lossless=True, quality=0)
    yield "TIFF, 32-bit floats", ".tif", _floats
    yield "TIFF, 16 bits grey", ".tif", partial(_sixteen, kind="TIFF")
    yield "TIFF, LZW", ".tif", _saved(compression="tiff_lzw")
    yield "TIFF in tiles, deflated", ".tif", _tiles


@cache
def photo(mode: str, side: int) -> Image.Image:
    """The packaged photo, enlarged."""
    with Image.open(str(files("affekt") / "assets" / "astronaut.jpg")) as image:
        return image.convert("RGB").resize((side, side)).convert(mode)


def _saved(mode: str = "RGB", side: int = SIDE, **options: Any) -> Save:
    return lambda path: photo(mode, side).save(path, **options)


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    return exif


def _sixteen(path: Path, kind: str, **options: Any) -> None:
    grey = np.asarray(photo("L", SIDE)).astype(np.uint16) * 257
    Image.fromarray(grey).save(path, kind, **options)


def _floats(path: Path) -> None:
    Image.fromarray(np.asarray(photo("L", SIDE)).astype(np.float32)).save(path, "TIFF")


def _thin(path: Path) -> None:
    Image.new("1", (100, SIDE**2 // 100), 1).save(path)


def _tiles(path: Path) -> None:
    """A TIFF in tiles, which Pillow does not write."""
    image = photo("RGB", SIDE)
    corners = [(x, y) for y in range(0, SIDE, TILE) for x in range(0, SIDE, TILE)]
    tiles = [zlib.compress(image.crop((x, y, x + TILE, y + TILE)).tobytes(), 1) for x, y in corners]
    sizes = np.array([len(tile) for tile in tiles], np.uint32)
    lists = 8 + 2 + 12 * 10 + 4
    data = lists + 6 + 8 * len(tiles)
    places = data + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.uint32)
    entries = [
        (256, 3, 1, SIDE),
        (257, 3, 1, SIDE),
        (258, 3, 3, lists),
        (259, 3, 1, 8),
        (262, 3, 1, 2),
        (277, 3, 1, 3),
        (322, 3, 1, TILE),
        (323, 3, 1, TILE),
        (324, 4, len(tiles), lists + 6),
        (325, 4, len(tiles), lists + 6 + 4 * len(tiles)),
    ]
    listing = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + listing + bytes(4)
    bits = struct.pack("<3H", 8, 8, 8)
    path.write_bytes(
        b"".join(
            [head, bits, places.astype("<u4").tobytes(), sizes.astype("<u4").tobytes(), *tiles]
        )
    )


def render(figures: dict[str, Any], many: int) -> str:
    """The figures as Markdown."""
    rows = [
        [row["kind"], f"{row['mb_1']:.0f} MB", f"{row[f'mb_{many}']:.0f} MB"]
        for row in figures["pictures"]
    ]
    head = ["100 megapixels as", "peak, one", f"peak, {many} in a folder"]
    machine = f"{figures['cores']} cores, {figures['date']}, commit {figures['commit']}"
    said = f"`--model {figures['model']}`; {machine}."
    return f"{said}\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
