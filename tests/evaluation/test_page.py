"""The page of an evaluation: whole, self-contained, and honest about what compares."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from affekt.errors import OutputError
from affekt.evaluation import published
from affekt.evaluation.gallery import choose, chosen_pictures, information_gain, picture_uri
from affekt.evaluation.page import evaluation_page, write_page
from affekt.evaluation.people import score_people


class Reader(HTMLParser):
    """Ids and addresses of a page, and whether its elements close in order."""

    EMPTY = frozenset({"meta", "img"})

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.addresses = [], [], []

    def handle_starttag(self, tag, attrs):
        self.note(dict(attrs))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.note(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def note(self, attrs):
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.addresses += [v for k, v in attrs.items() if k in ("src", "href", "xlink:href")]


@pytest.fixture(scope="module")
def evaluation(make_predictions):
    return score_people(
        make_predictions(80), model="m<1>", data="d", thresholds=np.full(26, 0.5), n_resamples=10
    )


def test_the_page_is_whole_and_loads_nothing(evaluation, tmp_path):
    said = evaluation.predictions
    chosen = choose(said, 2)
    pictures = {said.ids[place]: "data:," for choice in chosen for place in choice.places}
    page = evaluation_page(evaluation, chosen, pictures)
    reader = Reader()
    reader.feed(page)
    assert reader.open == [] and len(set(reader.ids)) == len(reader.ids)
    assert all(address.startswith(("data:", "#")) for address in reader.addresses)
    assert {f"#{name}" for name in reader.ids} >= {a for a in reader.addresses if a[0] == "#"}
    assert {f"#{name}" for name in reader.ids} >= set(re.findall(r"url\((#[^)]+)\)", page))
    assert "<script" not in page and "@import" not in page and "m&lt;1&gt;" in page
    assert 'name="viewport"' in page and "prefers-color-scheme: dark" in page
    for title in ("Figures", "Calibration", "Groups", "Best", "Worst", "Most uncertain"):
        assert f"<h2>{title}</h2>" in page
    assert page.count("<article>") == 6 and page.count('<img src="data:,"') == 6
    assert "nobody here has Embarrassment" in page
    write_page(tmp_path / "page.html", page)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    with pytest.raises(OutputError, match="cannot be written"):
        write_page(tmp_path / "missing" / "page.html", page)


def test_published_figures_are_marked_where_they_do_not_compare(evaluation):
    page = evaluation_page(evaluation)
    assert "Not comparable: these were measured on the whole test split" in page
    assert "<th>mAP (%), not comparable</th>" in page
    assert not published.comparable("val", 7300) and published.comparable("test", 7203)
    mean = sum(published.KOSTI_AP.values()) / 26
    assert mean == pytest.approx(published.PUBLISHED_MAP["Kosti 2020, body and scene"], abs=0.005)


def test_without_thresholds_or_groups_the_page_says_so(make_predictions):
    said = replace(make_predictions(40), groups={})
    page = evaluation_page(score_people(said, model="m", data="d", n_resamples=5))
    assert "no thresholds, so it gives no label sets" in page
    assert "states no gender, age or source" in page


def test_the_gallery_takes_one_person_of_a_picture(make_predictions):
    said = make_predictions(60)
    best, worst, doubtful = choose(said, 4)
    gain = information_gain(said.truth, said.probabilities)
    assert best.places[0] == gain.argmax() and worst.places[0] == gain.argmin()
    for choice in (best, worst, doubtful):
        assert len({said.pictures[place] for place in choice.places}) == 4
    assert list(best.values) == sorted(best.values, reverse=True)
    spread = np.linspace(0, 1, 60)
    assert choose(replace(said, spread=spread), 1)[2].places == (59,)
    assert "members of the ensemble" in choose(replace(said, spread=spread), 1)[2].rule
    assert len(choose(said, 1000)[0].places) == 30


def test_the_gain_is_zero_for_the_shares_alone():
    truth = np.array([[1, 0], [0, 0], [1, 1], [1, 0]])
    shares = np.broadcast_to(truth.mean(axis=0), truth.shape)
    np.testing.assert_allclose(information_gain(truth, shares), 0, atol=1e-12)
    assert (information_gain(truth, truth.astype(float)) > 0).all()


def test_pictures_are_small_and_can_be_blurred(write_drawn_people, tmp_path):
    manifest = write_drawn_people(tmp_path, {"test": (2, 1)})
    plain = dict(chosen_pictures(manifest, ["test-0.png#1", "test-1.png#0"]))
    assert list(plain) == ["test-0.png#1", "test-1.png#0"]
    assert all(uri.startswith("data:image/jpeg;base64,") for uri in plain.values())
    assert dict(chosen_pictures(manifest, plain, blur=True)) != plain
    wide = np.zeros((500, 2000, 3), np.uint8)
    assert len(picture_uri(wide, (0.0, 0.0, 50.0, 50.0))) < 8000
