"""Of a hostile corpus every file gives a result or one line that says what is wrong with it."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from pathlib import Path

import pytest

from affekt.bundle import Bundle
from affekt.errors import MediaError
from affekt.inference.predictor import Predictor
from affekt.media import ImageRgb, Source, expand_sources
from affekt.output.text import printable
from affekt.results import Face
from fakes.hostile import Corpus, hostile_files, write_corpus
from fakes.hostile.bombs import bombs
from fakes.hostile.damage import DAMAGES
from fakes.hostile.seeds import seeds

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names, links and pipes of POSIX")

COUNT, SEED = 240, 7


class OneFace:
    """Finds a face in the middle of every picture that is large enough."""

    def detect(self, image_rgb: ImageRgb) -> list[Face]:
        height, width = image_rgb.shape[:2]
        return [Face((4.0, 4.0, width - 4.0, height - 4.0), 0.9)] if min(width, height) > 30 else []


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Corpus]:
    folder = tmp_path_factory.mktemp("hostile") / "corpus"
    return folder, write_corpus(folder, COUNT, SEED)


def test_every_file_is_a_result_or_one_line(
    corpus: tuple[Path, Corpus], tiny_bundle: Bundle, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, written = corpus
    found = expand_sources([str(folder)])
    named = [item.name for item in found.items if isinstance(item, Source)]
    assert len(set(named)) == len(named)
    assert len(set(written.files) - set(named)) == sum(found.passed_over.values()) - 1  # the pipe
    predictor = Predictor(tiny_bundle, OneFace(), threads=1, max_pixels=4_000_000)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        outcomes = list(predictor.predict_stream(found.items))
    assert [w for w in shown if not w.category.__module__.startswith("affekt.")] == []
    assert capfd.readouterr() == ("", "")
    assert len(outcomes) == len(found.items)
    for source, outcome in zip(found.items, outcomes, strict=True):
        assert isinstance(source, Source)
        if isinstance(outcome, MediaError):
            line = printable(str(outcome))
            assert line.startswith(f"{printable(source.name)}: ") and outcome.__cause__ is None
        else:
            assert outcome.frame.source == source.name
    results = sum(not isinstance(outcome, MediaError) for outcome in outcomes)
    assert COUNT / 4 < results < COUNT * 3 / 4


def test_the_same_seed_makes_the_same_files() -> None:
    first, again, other = (list(hostile_files(COUNT, seed)) for seed in (SEED, SEED, SEED + 1))
    assert first == again != other


def test_a_corpus_holds_every_kind_of_damage_and_is_small(corpus: tuple[Path, Corpus]) -> None:
    count = len(list(bombs(large=False))) + len(seeds()) + 600
    kinds = Counter(
        kind for file in hostile_files(count, SEED) for kind in file.kind.split(" and ")
    )
    assert set(kinds) == {"made", "valid", *DAMAGES}
    assert corpus[1].size < 60_000 * COUNT
