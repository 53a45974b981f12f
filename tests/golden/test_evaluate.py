"""What ``affekt evaluate``, ``ensemble`` and ``report`` say of tiny sets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from affekt import __version__
from affekt.bundle import Bundle
from affekt.data.manifests.manifest import Manifest

Golden = Callable[..., None]
Program = Callable[..., str]


@pytest.fixture(scope="module")
def people(
    write_drawn_people: Callable[..., Manifest], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """60 persons to measure on: both genders are enough to be compared."""
    folder = tmp_path_factory.mktemp("people")
    write_drawn_people(folder, {"train": (2, 3, 1, 2), "val": (2, 1, 3), "test": (2, 3, 1) * 10})
    return folder


@pytest.fixture(scope="module")
def other(write_context: Callable[..., Bundle], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A second context model, with other weights and without thresholds."""
    folder = tmp_path_factory.mktemp("models") / "other"
    return write_context(folder, seed=3, name="other", thresholds=False)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("test", ()),
        ("val", ("--split", "val")),
        ("all", ("--split", "all")),
        ("majority", ("--protocol", "majority")),
    ],
)
def test_faces(
    *, affekt: Program, golden: Golden, tiny_bundle: Bundle, voted_faces: Path, name: str,
    options: tuple[str, ...],
) -> None:  # fmt: skip
    words = ("evaluate", "--model", tiny_bundle.folder, "--data", voted_faces, *options)
    golden(f"evaluate-faces-{name}", json.loads(affekt(*words)))
    golden(f"evaluate-faces-{name}-md", affekt(*words, "--format", "md").splitlines())


@pytest.mark.parametrize("split", ["test", "all"])
def test_people(
    affekt: Program, golden: Golden, tiny_context: Bundle, people: Path, split: str
) -> None:
    words = ("evaluate", "--model", tiny_context.folder, "--data", people, "--split", split)
    golden(f"evaluate-people-{split}", json.loads(affekt(*words)))
    golden(f"evaluate-people-{split}-md", affekt(*words, "--format", "md").splitlines())


def test_people_of_emotic(
    affekt: Program, golden: Golden, tiny_context: Bundle, write_emotic: Callable[..., Path],
    tmp_path: Path,
) -> None:  # fmt: skip
    """Leaks, rows that are excluded, and what the preparation says of them."""
    source, data = write_emotic(tmp_path / "EMOTIC"), tmp_path / "prepared"
    out = affekt("prepare", "emotic", source, "--out", data, "--no-faces")
    golden("prepare-emotic", json.loads(out))
    out = affekt("evaluate", "--model", tiny_context.folder, "--data", data, "--split", "all")
    golden("evaluate-emotic", json.loads(out))


def test_two_models(
    affekt: Program, golden: Golden, tiny_context: Bundle, other: Bundle, people: Path
) -> None:
    words = ("evaluate", "-m", tiny_context.folder, "-m", other.folder, "--data", people)
    golden("compare-people", json.loads(affekt(*words)))
    golden("compare-people-md", affekt(*words, "--format", "md").splitlines())


@pytest.mark.parametrize("options", [(), ("--select", "--tta")], ids=["plain", "select"])
def test_ensembles(
    *, affekt: Program, golden: Golden, tiny_bundle: Bundle, tiny_context: Bundle, other: Bundle,
    people: Path, tmp_path: Path, options: tuple[str, ...],
) -> None:  # fmt: skip
    name = "select" if options else "plain"
    shutil.copytree(tiny_bundle.folder, tmp_path / "face")
    words = (
        "ensemble",
        "-m",
        tiny_context.folder,
        "-m",
        other.folder,
        "--data",
        people,
        "--split",
        "test",
    )
    made = tmp_path / "made"
    out = affekt(*words, *options, "--out", made, "--format", "json")
    golden(f"ensemble-{name}", json.loads(out))
    text = affekt(*words, *options, "--out", tmp_path / "again", "--name", "made")
    golden(f"ensemble-{name}-md", text.splitlines())
    out = affekt("evaluate", "--model", made, "--data", people, "--split", "val")
    golden(f"evaluate-ensemble-{name}", json.loads(out))


def test_the_page(
    affekt: Program, golden: Golden, tiny_context: Bundle, people: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words = ("report", "--model", tiny_context.folder, "--data", people, "--gallery", 2, "--blur")
    affekt(*words, "--output", page)
    said = PageText()
    said.feed(page.read_text(encoding="utf-8").replace(__version__, "VERSION"))
    golden("report-page", said.lines)


class PageText(HTMLParser):
    """The text of a page, a line for each block; without styles and drawings."""

    HIDDEN = frozenset({"style", "svg", "script"})
    INLINE = frozenset({"b", "i", "em", "strong", "a", "span", "code"})

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._hidden, self._open = 0, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in self.HIDDEN
        self._open = self._open and tag in self.INLINE
        if tag == "img":
            self.lines.append("(picture)")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self.HIDDEN
        self._open = self._open and tag in self.INLINE

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if self._hidden or not text:
            return
        if self._open:
            self.lines[-1] += f" {text}"
        else:
            self.lines.append(text)
            self._open = True
