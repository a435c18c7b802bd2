"""The four tables of blocks: complete, with the library's defaults, and strict."""

import json
from base64 import b64encode

import pytest
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

from tokbench.errors import RecipeError
from tokbench.recipes.decoders import DECODERS, decoder
from tokbench.recipes.normalizers import NORMALIZERS, normalizer
from tokbench.recipes.post_processors import post_processors
from tokbench.recipes.pre_tokenizers import PRE_TOKENIZERS, pre_tokenizer
from tokbench.recipes.recipe import Block, block
from tokbench.recipes.registry import make

IDS = {"[CLS]": 0, "[SEP]": 1, "<s>": 2, "</s>": 3}
POST_PROCESSORS = post_processors(IDS)
TABLES = {
    "normalizer": (NORMALIZERS, normalizers, {"Normalizer"}),
    "pre_tokenizer": (PRE_TOKENIZERS, pre_tokenizers, {"PreTokenizer"}),
    "post_processor": (POST_PROCESSORS, processors, {"PostProcessor"}),
    "decoder": (DECODERS, decoders, {"Decoder", "DecodeStream"}),
}
EVERY = [(what, name) for what, (table, _, _) in TABLES.items() for name in table]


def charsmap() -> str:
    """A SentencePiece map of one rule, x → y: a double array of 256 units, then the replacements."""
    units = [0] * 256
    units[ord("x")] = ord("x") | 1 << 8 | 1 << 10  # label x, has a leaf, which is one place on
    units[ord("x") ^ 1] = 0  # the leaf: the replacement at place 0
    table = b"".join(unit.to_bytes(4, "little") for unit in units)
    return b64encode(len(table).to_bytes(4, "little") + table + b"y\0").decode()


# What an option must have when it is not tried itself; one row a block that needs some.
NEEDED = {
    ("normalizer", "Precompiled"): {"precompiled_charsmap": charsmap()},
    ("normalizer", "Replace"): {"pattern": "a", "content": "b"},
    ("normalizer", "Sequence"): {"blocks": ["NFC", {"type": "Strip", "left": False}]},
    ("pre_tokenizer", "CharDelimiterSplit"): {"delimiter": "|"},
    ("pre_tokenizer", "Sequence"): {"blocks": ["Digits", "Whitespace"]},
    ("pre_tokenizer", "Split"): {"pattern": "a", "behavior": "isolated"},
    ("post_processor", "BertProcessing"): {"sep": "[SEP]", "cls": "[CLS]"},
    ("post_processor", "RobertaProcessing"): {"sep": "</s>", "cls": "<s>"},
    ("post_processor", "Sequence"): {
        "blocks": ["ByteLevel", {"type": "BertProcessing", "sep": "[SEP]", "cls": "[CLS]"}]
    },
    ("post_processor", "TemplateProcessing"): {"single": "[CLS] $A", "pair": "[CLS] $A $B:1"},
    ("decoder", "Replace"): {"pattern": "a", "content": "b"},
    ("decoder", "Sequence"): {"blocks": ["ByteFallback", "Fuse"]},
}
WRITTEN_OTHERWISE = ("single", "pair", "pattern", "sep", "cls")
TRIED = {
    "true or false": [True, False],
    "one character": ["_", "한"],
    "text of at least one character": ["@@", "한글"],
    "text": ["", "@@"],
    "a whole number from 0": [0, 3],
    "a whole number from 1": [1, 3],
}


def tried(what: str, name: str):
    """Every block with its defaults, and with each option set to every kind of value it takes."""
    needed = NEEDED.get((what, name), {})
    yield needed
    for option, rule in TABLES[what][0][name].options.items():
        if rule.says.startswith("one of "):
            values = rule.says.removeprefix("one of ").split(", ")
        elif option in needed and option not in ("content", "delimiter"):
            values = [needed[option]]
        else:
            values = TRIED[rule.says]
        for value in values:
            others = {key: each for key, each in needed.items() if (key, option) != ("pattern", "regex")}
            yield {**others, option: value}


def state(made) -> dict:
    return json.loads(made.__getstate__())


@pytest.mark.parametrize("what", TABLES)
def test_a_table_has_every_block_of_the_library(what):
    table, library, others = TABLES[what]
    assert set(table) == {name for name in dir(library) if isinstance(getattr(library, name), type)} - others


def test_the_tables_are_as_long_as_the_library_says():
    assert {what: len(table) for what, (table, _, _) in TABLES.items()} == {
        "normalizer": 14,
        "pre_tokenizer": 12,
        "post_processor": 5,
        "decoder": 10,
    }


@pytest.mark.parametrize(("what", "name"), EVERY)
def test_every_option_is_taken_and_saved(what, name):
    for options in tried(what, name):
        tokenizer = Tokenizer(BPE())
        made = make(Block(type=name, options=options), TABLES[what][0], what)
        setattr(tokenizer, what, made)
        saved = Tokenizer.from_str(tokenizer.to_str())
        assert state(getattr(saved, what)) == state(made)
        for key, value in state(made).items():
            if key in options and key not in WRITTEN_OTHERWISE:
                assert str(value).lower() == str(options[key]).lower().replace(
                    "_", "" if key == "behavior" else "_"
                )


@pytest.mark.parametrize(("what", "name"), EVERY)
def test_our_defaults_are_the_librarys(what, name):
    table, library, _ = TABLES[what]
    if (what, name) in NEEDED:
        return
    assert state(make(block(name), table, what)) == state(getattr(library, name)())


def test_our_defaults_are_the_librarys_where_something_is_needed_too():
    ours = make(block("RobertaProcessing", sep="</s>", cls="<s>"), POST_PROCESSORS, "post_processor")
    assert state(ours) == state(processors.RobertaProcessing(("</s>", 3), ("<s>", 2)))
    ours = make(block("Split", pattern="a", behavior="isolated"), PRE_TOKENIZERS, "pre_tokenizer")
    assert state(ours) == state(pre_tokenizers.Split("a", "isolated"))


@pytest.mark.parametrize(("what", "name"), EVERY)
def test_an_unknown_option_names_the_known_ones(what, name):
    table = TABLES[what][0]
    options = {**NEEDED.get((what, name), {}), "wat": 1}
    with pytest.raises(RecipeError, match=f"{what} {name} has no option wat") as caught:
        make(Block(type=name, options=options), table, what)
    assert all(option in caught.value.message for option in table[name].options)


@pytest.mark.parametrize(("what", "name"), EVERY)
def test_a_value_of_the_wrong_type_is_refused(what, name):
    table = TABLES[what][0]
    for option in table[name].options:
        for wrong in (3.5, {}, None, [], [1]):
            options = {**NEEDED.get((what, name), {}), option: wrong}
            with pytest.raises(RecipeError, match=f"{option}.* must be"):
                make(Block(type=name, options=options), table, what)


@pytest.mark.parametrize("what", TABLES)
def test_an_unknown_block_gets_a_hint(what):
    table = TABLES[what][0]
    with pytest.raises(RecipeError, match=f"no {what} bytelevle") as caught:
        make(block("bytelevle"), table, what)
    if what != "post_processor":
        assert "ByteLevel" in caught.value.fix


@pytest.mark.parametrize(
    ("what", "chosen", "words"),
    [
        ("normalizer", block("Replace", regex="(a", content=""), "unmatched parenthesis"),
        ("normalizer", block("Replace", pattern="a", regex="a", content=""), "either pattern"),
        ("normalizer", block("Replace", content=""), "either pattern"),
        ("normalizer", block("Replace", pattern="", content=""), "pattern must be text of at least"),
        ("normalizer", block("Precompiled", precompiled_charsmap="no base64!"), "not base64"),
        ("normalizer", block("Precompiled", precompiled_charsmap="AAAAAAAAAAA="), "cut short"),
        ("normalizer", block("Sequence", blocks=["NFC", "NFX"]), "no normalizer NFX"),
        ("normalizer", block("Sequence", blocks=[{"left": True}]), "needs a type"),
        ("pre_tokenizer", block("Split", pattern="a", behavior="keep"), "one of removed, isolated"),
        ("pre_tokenizer", block("Split", pattern="a"), "needs behavior"),
        ("pre_tokenizer", block("Split", regex="[a", behavior="removed"), "premature end"),
        ("pre_tokenizer", block("CharDelimiterSplit", delimiter="ab"), "one character"),
        ("pre_tokenizer", block("CharDelimiterSplit"), "needs delimiter"),
        ("pre_tokenizer", block("FixedLength", length=0), "from 1"),
        ("pre_tokenizer", block("FixedLength", length=2**70), "whole number"),
        ("pre_tokenizer", block("FixedLength", length=True), "whole number"),
        ("pre_tokenizer", block("Metaspace", prepend_scheme="sometimes"), "always, first, never"),
        ("pre_tokenizer", block("ByteLevel", add_prefix_spaces=False), "add_prefix_space"),
        ("post_processor", block("BertProcessing", sep="[SEP]", cls="[CLZ]"), "no special token"),
        ("decoder", block("Strip", left=-1), "from 0"),
    ],
)
def test_what_the_library_swallows_or_breaks_on_is_refused(what, chosen, words):
    with pytest.raises(RecipeError) as caught:
        make(chosen, TABLES[what][0], what)
    assert words in caught.value.message
    assert caught.value.fix


def test_several_blocks_are_done_in_order():
    chosen = normalizer(
        [block("Replace", pattern="a", content="b"), block("Replace", pattern="b", content="c")]
    )
    assert chosen.normalize_str("ab") == "cc"
    cut = pre_tokenizer([block("WhitespaceSplit"), block("FixedLength", length=2)])
    assert [word for word, _ in cut.pre_tokenize_str("abc de")] == ["ab", "c", "de"]
    joined = decoder([block("Replace", pattern="_", content=" "), block("Fuse"), block("Strip", left=1)])
    assert joined.decode(["_a", "b", "_c"]) == "ab c"


def test_no_block_is_none():
    assert (normalizer([]), pre_tokenizer([]), decoder([])) == (None, None, None)


def test_a_literal_pattern_is_not_a_regex_and_a_regex_is():
    literal = normalizer([block("Replace", pattern=".", content="!")])
    regex = normalizer([block("Replace", regex=".", content="!")])
    assert (literal.normalize_str("a.b"), regex.normalize_str("a.b")) == ("a!b", "!!!")


def test_a_character_map_is_applied():
    chosen = normalizer([block("Precompiled", precompiled_charsmap=charsmap())])
    assert chosen.normalize_str("axb") == "ayb"
