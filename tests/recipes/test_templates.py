"""A template is read as the library reads it, and a text without a place is refused."""

import json

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing

from tokbench.errors import RecipeError
from tokbench.pretrained.wrap import input_names
from tokbench.recipes.post_processors import TemplatePiece, pieces, post_processor
from tokbench.recipes.presets import PRESETS
from tokbench.recipes.recipe import block

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
    ids = {token: number for number, token in enumerate(recipe.tokens)}
    assert ("token_type_ids" in names(recipe.post_processor, ids)) is expected
    assert list(recipe.wrapper["model_input_names"]) == names(recipe.post_processor, ids)


def test_type_ids_are_found_inside_a_sequence_and_in_bert_processing():
    bert = {"type": "BertProcessing", "sep": "[SEP]", "cls": "[CLS]"}
    assert "token_type_ids" in names(block("Sequence", blocks=["ByteLevel", bert]))
    assert names(block("Sequence", blocks=["ByteLevel"])) == ["input_ids", "attention_mask"]
    assert names(None) == ["input_ids", "attention_mask"]


def names(chosen, ids=IDS):
    """What a model is given by a tokenizer with this post-processor."""
    tokenizer = Tokenizer(WordLevel())
    if chosen:
        tokenizer.post_processor = post_processor(chosen, ids)
    return input_names(tokenizer)
