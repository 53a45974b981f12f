"""The page of an evaluation: whole, self-contained, and honest about what compares."""

import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest

from affekt.evaluation.evaluate import judge
from affekt.evaluation.resampling import Bootstrap
from affekt.report import published
from affekt.report.gallery import choose, picked_rows
from affekt.report.page import evaluation_page
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people, with_predicted


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


def judged(said, draws=10):
    return judge(said, model="m<1>", data="d", bootstrap=Bootstrap(draws))


PAGES = {
    "people": (said_of_people(80), ["Valence, arousal, dominance", "Published figures"]),
    "faces": (said_of_faces(80), ["Recall by label", "Which labels are taken for which"]),
    "fruit": (said_of_fruit(80), ["Weight", "Recall by label", "Average precision by category"]),
}


@cache  # drawing takes seconds
def page_of(name):
    said, _ = PAGES[name]
    chosen = choose(said, 2)
    pictures = dict.fromkeys(picked_rows(said, chosen), "data:,")
    return evaluation_page(judged(said), chosen, pictures)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_whole_and_loads_nothing(name):
    page, (said, titles) = page_of(name), PAGES[name]
    reader = Reader()
    reader.feed(page)
    assert reader.open == [] and len(set(reader.ids)) == len(reader.ids)
    assert all(address.startswith(("data:", "#")) for address in reader.addresses)
    assert {f"#{name}" for name in reader.ids} >= {a for a in reader.addresses if a[0] == "#"}
    assert {f"#{name}" for name in reader.ids} >= set(re.findall(r"url\((#[^)]+)\)", page))
    assert "<script" not in page and "@import" not in page and "m&lt;1&gt;" in page
    assert 'name="viewport"' in page and "prefers-color-scheme: dark" in page
    for title in ("Figures", "Calibration", "Groups", "Best", "Worst", "Most uncertain", *titles):
        assert f"<h2>{title}</h2>" in page
    assert page.count("<article>") == 6 and page.count('<img src="data:,"') == 6
    assert f"bootstrap 95% by {'fruit' if name == 'fruit' else said.unit}, 10" in page


def test_what_is_missing_or_was_seen_is_said():
    assert "nobody here has Embarrassment" in page_of("people")
    page = page_of("faces")
    assert "Balanced accuracy is over 6 of 7 labels: none here is disgust." in page
    assert "1 of the 80 faces were seen in training" in page


def test_published_figures_are_marked_where_they_do_not_compare():
    page = page_of("people")
    assert "Not comparable: these were measured on the whole test split" in page
    assert "<th>mAP (%), not comparable</th>" in page
    assert "Published figures" not in page_of("fruit")
    assert not published.comparable("val", 7300) and published.comparable("test", 7203)
    mean = sum(published.KOSTI_AP.values()) / 26
    assert mean == pytest.approx(published.PUBLISHED_MAP["Kosti 2020, body and scene"], abs=0.005)


def test_without_thresholds_or_groups_the_page_says_so():
    said = with_predicted(replace(said_of_fruit(40), groups={}), "shape", thresholds=None)
    page = evaluation_page(judged(said, 5))
    assert "no thresholds, so it gives no label sets" in page
    assert "states no gender, age or source" in page
