"""The catalog names every block with its options, and finds one by name or place."""

import pytest

from tokbench.errors import RecipeError
from tokbench.recipes.catalog import catalog


def test_every_place_is_there():
    entries = catalog().entries
    places = [each.place for each in entries]
    assert {place: places.count(place) for place in dict.fromkeys(places)} == {
        "normalizers": 14,
        "pre_tokenizers": 12,
        "model": 5,
        "trainer": 5,
        "post_processor": 5,
        "decoders": 10,
        "token_options": 1,
        "wrapper": 1,
    }
    assert all(each.about for each in entries)


def test_a_name_or_a_place_finds_its_own():
    assert {each.place for each in catalog("bytelevel").entries} == {
        "normalizers",
        "pre_tokenizers",
        "post_processor",
        "decoders",
    }
    assert len(catalog("decoders").entries) == 10
    [split] = catalog("Split").entries
    assert split.options["invert"] == "true or false (false)"
    assert split.options["behavior"].endswith("(required)")
    assert split.options["pattern"].endswith("(unset)")


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(RecipeError, match="no block Splt") as caught:
        catalog("Splt")
    assert "Split" in caught.value.fix
