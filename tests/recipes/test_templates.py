"""A template is read as the library reads it, and a text without a place is refused."""

import json

import pytest
from tokenizers.processors import TemplateProcessing

from tokbench.errors import RecipeError
from tokbench.recipes.post_processors import (
    TemplatePiece,
    has_type_ids,
    pieces,
    post_processor,
    template_input_names,
)
from tokbench.recipes.presets import PRESETS
from tokbench.recipes.recipe import Recipe, block, change

IDS = {"[CLS]": 5, "[SEP]": 7}


def as_the_library_has_it(template: str) -> list[TemplatePiece]:
    made = TemplateProcessing(template, "$A $B", [("[CLS]", 0), ("[SEP]", 1)])
    found = []
    for place in json.loads(made.__getstate__())["single"]:
        [(kind, each)] = place.items()
        named = {"text" if kind == "Sequence" else "token": each["id"]}
        found.append(TemplatePiece(**named, type_id=each["type_id"]))
    return found


@pytest.mark.parametrize(
    "template",
    ["[CLS] $A [SEP]", "$", "$1", "$0 [SEP]:1", "$A:3", "$a:0", "[CLS]:2 $b:1"],
)
def test_a_template_is_read_as_the_library_reads_it(template):
    assert list(pieces(template)) == as_the_library_has_it(template)


@pytest.mark.parametrize(
    ("single", "pair", "words"),
    [
        ("[CLS] [SEP]", "$A $B", "single must hold $A"),
        ("$B", "$A $B", "single must hold $A"),
        ("$A $A", "$A $B", "single must hold $A"),
        ("$A", "$A", "pair must hold $A and $B"),
        ("$A", "$A $B $A", "pair must hold $A and $B"),
        ("$A", "$0 $1", "pair must hold $A and $B"),
        ("$C", "$A $B", "single must hold $A"),
        ("$A:x", "$A $B", "single must hold $A"),
        ("[CLS]:0:1 $A", "$A $B", "[CLS]:0, which is no special token"),
        ("[X] $A", "$A $B", "[X], which is no special token"),
        ("$A:99999999999", "$A $B", "Cannot build Piece"),
    ],
)
def test_a_template_that_would_lose_something_is_refused(single, pair, words):
    with pytest.raises(RecipeError) as caught:
        post_processor(block("TemplateProcessing", single=single, pair=pair), IDS)
    assert words in caught.value.message
    assert caught.value.fix


def test_a_template_needs_its_pair():
    with pytest.raises(RecipeError, match="needs pair"):
        post_processor(block("TemplateProcessing", single="[CLS] $A [SEP]"), IDS)


def test_spaces_more_or_less_do_not_matter():
    wide = post_processor(block("TemplateProcessing", single=" [CLS]  $A ", pair="$A   $B"), IDS)
    narrow = post_processor(block("TemplateProcessing", single="[CLS] $A", pair="$A $B"), IDS)
    assert wide.__getstate__() == narrow.__getstate__()


def test_ids_are_those_given():
    made = post_processor(
        block("TemplateProcessing", single="[CLS] $A", pair=["[CLS]", "$A", "[SEP]", "$B:1"]), IDS
    )
    tokens = json.loads(made.__getstate__())["special_tokens"]
    assert {token: each["ids"] for token, each in tokens.items()} == {"[CLS]": [5], "[SEP]": [7]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("bert", True), ("albert", True), ("korean", True), ("gpt2", False), ("roberta", False), ("t5", False)],
)
def test_type_ids_are_asked_for_where_the_template_has_them(name, expected):
    recipe = PRESETS[name]
    assert has_type_ids(recipe) is expected
    assert ("token_type_ids" in template_input_names(recipe)) is expected
    assert template_input_names(change(recipe, {"wrapper.model_input_names": ""})) == template_input_names(
        recipe
    )


def test_type_ids_are_found_inside_a_sequence_and_in_bert_processing():
    bert = {"type": "BertProcessing", "sep": "[SEP]", "cls": "[CLS]"}
    assert has_type_ids(Recipe(post_processor=block("Sequence", blocks=["ByteLevel", bert])))
    assert not has_type_ids(Recipe(post_processor=block("Sequence", blocks=["ByteLevel"])))
    assert not has_type_ids(Recipe(post_processor=block("TemplateProcessing", single=3)))
    assert template_input_names(Recipe()) == ("input_ids", "attention_mask")
