"""Rows worth looking at, of people and of faces."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files

import numpy as np
import pytest
from PIL import Image

from affekt.data.manifests.manifest import Manifest, write_manifest
from affekt.evaluation.predictions import UNKNOWN
from affekt.heads import Kind
from affekt.report.gallery import (
    cards_of,
    choose,
    chosen_pictures,
    information_gain,
    picture_uri,
)
from fakes.predictions import said_of_faces, said_of_fruit, said_of_people, with_predicted
from fakes.rows import PEOPLE


@pytest.mark.parametrize(
    ("said", "units"), [(said_of_people(60), 30), (said_of_faces(60), 20)], ids=["people", "faces"]
)
def test_the_gallery_takes_one_row_of_a_unit(said, units):
    best, worst, doubtful = choose(said, 4)
    gain = information_gain(next(iter(said.outputs.values())))
    assert best.places[0] == gain.argmax() and worst.places[0] == gain.argmin()
    for choice in (best, worst, doubtful):
        assert len({said.units[place] for place in choice.places}) == 4
    assert list(best.values) == sorted(best.values, reverse=True)
    spread = np.linspace(0, 1, 60)
    assert choose(replace(said, spread=spread), 1)[2].places == (59,)
    assert "members of the ensemble" in choose(replace(said, spread=spread), 1)[2].rule
    assert len(choose(said, 1000)[0].places) == units


def test_the_gain_is_zero_for_the_shares_alone():
    people = said_of_people(40).outputs["categories"]
    shares = np.broadcast_to(people.truth.mean(axis=0), people.truth.shape)
    np.testing.assert_allclose(information_gain(replace(people, predicted=shares)), 0, atol=1e-12)
    right = replace(people, predicted=people.truth.astype(float))
    assert (information_gain(right) > 0).all()


def test_the_gain_of_classes_is_in_nats_and_unknown_for_the_unknown():
    said = said_of_fruit(40)
    output = said.outputs["fruit"]
    shares = output.support / output.support.sum()
    flat = replace(output, predicted=np.broadcast_to(shares, output.predicted.shape))
    gain = information_gain(flat)
    assert np.isnan(gain[output.truth == UNKNOWN]).all()
    np.testing.assert_allclose(gain[output.known], 0, atol=1e-12)
    places = [place for choice in choose(said, 40)[:2] for place in choice.places]
    assert output.known[places].all()
    certain = replace(output, predicted=np.eye(3)[output.truth])
    expected = -np.log(shares[output.truth[output.known]])
    np.testing.assert_allclose(information_gain(certain)[output.known], expected)


def test_a_model_of_dimensions_alone_has_no_gallery():
    said = said_of_people(20)
    assert choose(replace(said, outputs={"vad": said.outputs["vad"]}), 2) == []


def test_a_card_names_what_is_true_and_what_is_unknown():
    said = said_of_people(20)
    best = choose(said, 20)[0]
    cards = dict(zip(best.places, cards_of(said, best, {}), strict=True))
    for place, card in cards.items():
        output = said.outputs["categories"]
        true = [name for name, has in zip(output.labels, output.truth[place], strict=True) if has]
        assert card.truth == ", ".join(true) and card.picture == ""
        assert [has for name, _, has in card.labels] == [n in true for n, _, _ in card.labels]
        shown = [float(text) for _, text, _ in card.labels]
        assert len(shown) == 5 and shown == sorted(shown, reverse=True)
    everybody = replace(said, units=None, unit="row")
    card = cards_of(everybody, choose(everybody, 20)[0], {})
    assert sum("(true unknown)" in own.values[0] for own in card) == 1
    nothing = with_predicted(said, "categories", truth=np.zeros((20, 26), dtype=bool))
    assert cards_of(nothing, choose(nothing, 1)[0], {})[0].truth == "nothing"
    assert {output.kind for output in said.outputs.values()} > {Kind.DIMENSIONAL}


def test_pictures_of_people_are_small_and_can_be_blurred(write_drawn_people, tmp_path):
    manifest = write_drawn_people(tmp_path, {"test": (2, 1)})
    keys = {("drawn", "test-0.png#1"), ("drawn", "test-1.png#0")}
    plain = dict(chosen_pictures(manifest, keys))
    assert set(plain) == keys
    assert all(uri.startswith("data:image/jpeg;base64,") for uri in plain.values())
    assert dict(chosen_pictures(manifest, keys, blur=True)) != plain
    wide = np.zeros((500, 2000, 3), np.uint8)
    assert len(picture_uri(wide, (0.0, 0.0, 50.0, 50.0))) < 8000


def test_a_face_that_the_manifest_does_not_know_is_blurred_too(write_drawn_people, tmp_path):
    drawn = write_drawn_people(tmp_path, {"test": (1,)})
    row = replace(next(iter(drawn.rows())), face=None)
    with as_file(files("affekt") / "assets" / "astronaut.jpg") as path:
        face = Image.open(path).crop((130, 10, 418, 202)).resize((96, 64))
    face.save(tmp_path / "test-0.png")
    write_manifest(tmp_path, [row], labels=PEOPLE, root=".", note={})
    manifest, key = Manifest.open(tmp_path), (row.source, row.id)
    sharp, soft = (dict(chosen_pictures(manifest, {key}, blur=blur))[key] for blur in (False, True))
    assert len(soft) < len(sharp)


def test_faces_of_equal_id_in_two_sources_are_told_apart(write_faces, tmp_path):
    manifest = write_faces(tmp_path, counts={"test": 2})
    rows = list(manifest.rows())
    keys = {(row.source, row.id) for row in rows[:2]}
    assert set(dict(chosen_pictures(manifest, keys))) == keys
    assert dict(chosen_pictures(manifest, {("elsewhere", rows[0].id)})) == {}
    plain = dict(chosen_pictures(manifest, keys))
    assert dict(chosen_pictures(manifest, keys, blur=True)) != plain
