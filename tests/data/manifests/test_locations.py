"""A manifest names pictures below its root and shows no others."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.data.manifests.npy import read_npy
from affekt.data.manifests.pictures import read_array, read_row_picture
from affekt.errors import DataError, MediaError
from affekt.results import Face
from fakes.rows import PEOPLE, person_row

ROW = person_row("a#0", split="val", medium="a.png", height=6)


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A picture that the set has nothing to do with."""
    Image.new("RGB", (8, 6), "red").save(tmp_path / "private.png")
    (tmp_path / "set").mkdir()
    return tmp_path / "private.png"


def rewrite(folder: Path, picture: str) -> Manifest:
    """A manifest of one row that names that picture, whatever the writer thinks of it."""
    write_manifest(folder, [ROW], labels=PEOPLE, root=".", note={})
    file = folder / "manifest.parquet"
    table = pq.read_table(file)
    place = table.column_names.index("medium")
    pq.write_table(table.set_column(place, "medium", pa.array([picture])), file)
    return Manifest.open(folder)


@pytest.mark.parametrize("name", ["../private.png", "x/../../private.png", "{}", "..\\private.png"])
def test_a_row_does_not_lead_out_of_the_root(private: Path, name: str) -> None:
    name = name.format(private)
    manifest = rewrite(private.parent / "set", name)
    with pytest.raises(DataError, match=r"row 'a#0' of 'mine': the path .* leads out"):
        list(manifest.rows())
    with pytest.raises(DataError, match="leads out of the manifest's root"):
        read_row_picture(manifest, replace(ROW, medium=name))
    with pytest.raises(DataError, match="leads out of the manifest's root"):
        write_manifest(
            private.parent / "new", [replace(ROW, medium=name)], labels=PEOPLE, root=".", note={}
        )


@pytest.mark.parametrize("deep", [False, True])
def test_a_link_is_followed_only_where_the_manifest_was_made_from_it(
    private: Path, tmp_path: Path, deep: bool
) -> None:
    folder, row = tmp_path / "set", ROW
    if deep:
        (folder / "in").symlink_to(private.parent)
        row = replace(ROW, medium="in/private.png")
    else:
        Image.new("RGB", (8, 6), "blue").save(folder / "a.png")
    write_manifest(folder, [row], labels=PEOPLE, root=".", note={})
    if not deep:
        (folder / "a.png").unlink()
        (folder / "a.png").symlink_to(private)
    manifest = Manifest.open(folder)
    if deep:
        assert manifest.links
        assert np.all(read_row_picture(manifest, row) == (255, 0, 0))
    else:
        with pytest.raises(DataError, match="is a link that leads out of the manifest's root"):
            read_row_picture(manifest, row)


def test_a_set_may_be_moved_with_its_links_inside(private: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "real").mkdir()
    shutil.copy(private, folder / "real" / "b.png")
    (folder / "a.png").symlink_to("real/b.png")
    write_manifest(folder, [ROW], labels=PEOPLE, root=".", note={})
    moved = Manifest.open(folder.rename(tmp_path / "moved"))
    assert not moved.links and read_row_picture(moved, ROW).shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("face", "said"),
    [
        (Face((0.0, 0.0, float("nan"), 2.0), 0.5), "is not made of numbers"),
        (Face((0.0, 0.0, 1e300, 2.0), 0.5), "is not made of numbers within 1,000,000"),
        (Face((2.0, 0.0, 1.0, 2.0), 0.5), "the face's box .* has no area"),
        (Face((0.0, 0.0, 1.0, 2.0), 1.5), "the face's score 1.5 is not 0 to 1"),
        (Face((0.0, 0.0, 1.0, 2.0), 0.5, ((1.0, 1.0),) * 4), "the face has 4 landmarks, expect"),
    ],
)
def test_a_face_must_be_one(tmp_path: Path, face: Face, said: str) -> None:
    with pytest.raises(DataError, match=said):
        write_manifest(tmp_path, [replace(ROW, face=face)], labels=PEOPLE, root=".", note={})


def npy(header: str, content: bytes = b"") -> bytes:
    padded = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected"),
        (b"PK\x03\x04" + b"\0" * 50, "magic"),
        (
            npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\nsystem\n"),
            "objects",
        ),
        (npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,)}"), "0 bytes wh"),
        (npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-2, -3)}", b"\0" * 6), "6 bytes"),
        (npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", b"\0"), "1 bytes where"),
        (npy("[" * 100), "cannot"),
    ],
)
def test_an_array_is_not_believed_beyond_its_length(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_npy(tmp_path / "a.npy")
    with pytest.raises(MediaError, match=r"a\.npy: not a readable array"):
        read_array(tmp_path / "a.npy")


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3, 4)])
def test_what_numpy_saves_is_read(tmp_path: Path, shape: tuple[int, ...], mapped: bool) -> None:
    values = np.asfortranarray(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    np.save(tmp_path / "a.npy", values)
    assert np.array_equal(read_npy(tmp_path / "a.npy", mapped=mapped), values)
