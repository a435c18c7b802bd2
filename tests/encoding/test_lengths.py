"""Windows and padding are the library's; truncation alone is held against it in test_encode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import tokbench as tb
from tokbench.errors import UsageError

WORDS = {word: at for at, word in enumerate(["[UNK]", "[CLS]", "[SEP]", "[PAD]", *"abcdefgh"])}
FIELDS = ("ids", "tokens", "offsets", "type_ids", "attention_mask", "special_tokens_mask")
TEMPLATES = {
    "none": None,
    "bert": processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1)),
    "template": processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    ),
}
TEXTS = st.lists(st.sampled_from("abcdefgh"), max_size=12).map(" ".join)


def library(template="template"):
    made = Tokenizer(models.WordLevel(WORDS, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(["[CLS]", "[SEP]", "[PAD]"])
    if TEMPLATES[template]:
        made.post_processor = TEMPLATES[template]
    return made


def columns(row):
    return {name: list(getattr(row, name)) for name in FIELDS}


@pytest.mark.parametrize("template", TEMPLATES)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=3),
    second=TEXTS,
    paired=st.booleans(),
    strategy=st.sampled_from(["longest_first", "only_first", "only_second"]),
    sides=st.tuples(st.sampled_from(["left", "right"]), st.sampled_from(["left", "right"])),
    max_length=st.integers(4, 14),
    stride=st.integers(0, 5),
    padding=st.sampled_from(["", "longest", "max_length"]),
    multiple=st.none() | st.integers(1, 8),
)
def test_rows_are_the_librarys(
    template, texts, second, paired, strategy, sides, max_length, stride, padding, multiple
):
    made = library(template)
    room = max_length - (made.num_special_tokens_to_add(False))
    stride %= room  # the library takes no other
    pair = [second] * len(texts) if paired else None
    asked = {"max_length": max_length, "truncation": strategy, "truncation_side": sides[0]}
    if padding:
        asked |= {"padding": padding, "padding_side": sides[1], "pad_to_multiple_of": multiple}
    try:
        found = tb.encode(made, texts, pair=pair, overflow=True, stride=stride, **asked)
    except UsageError as error:
        found = str(error)
        if "cannot share" in found:  # the library panics, and writes about it
            return
    made.enable_truncation(max_length, stride=stride, strategy=strategy, direction=sides[0])
    if padding:
        fixed = max_length if padding == "max_length" else None
        made.enable_padding(
            direction=sides[1], pad_id=3, pad_token="[PAD]", length=fixed, pad_to_multiple_of=multiple
        )
    try:
        first = made.encode_batch(list(zip(texts, pair, strict=True)) if paired else texts)
    except Exception:  # of the library, which tells no more of its kind
        assert isinstance(found, str)
        return
    if isinstance(found, str):
        assert "windows are made of one" in found or "give up" in found
        return
    rows = [row for each in first for row in (each, *each.overflowing)]
    if padding != "longest":  # the library pads to the longest of those it does not cut off
        assert [columns(row) for row in found] == [columns(row) for row in rows]
    assert [row.attention_mask.count(1) for row in found] == [sum(row.attention_mask) for row in rows]
    assert [list(found.texts).count(at) for at in range(len(texts))] == [
        1 + len(each.overflowing) for each in first
    ]


def test_rows_of_several_texts_are_filled_up_to_the_longest():
    found = tb.encode(library(), ["a b c", "a"], padding="longest")
    assert [row.tokens[-2:] for row in found] == [("c", "[SEP]"), ("[PAD]", "[PAD]")]
    assert {len(row.ids) for row in found} == {5}
    assert found[1].pieces == ("", "a", "", "", "")


def test_the_longest_input_of_a_config_is_a_length():
    folder = tb.load(library())
    folder.config["model_max_length"] = 7
    assert len(tb.encode(folder, "a", padding="max_length").ids) == 7
    folder.config["model_max_length"] = 10**30
    with pytest.raises(UsageError, match="does not say how long its inputs are"):
        tb.encode(folder, "a", padding="max_length")


def test_what_cannot_be_met_is_said():
    made = library()
    for words, asked in {
        "has no pad token": {"padding": "longest"},
        "no padding 'longer'": {"padding": "longer"},
        "no truncation 'first'": {"truncation": "first"},
        "no padding side 'up'": {"padding": "longest", "padding_side": "up"},
        "windows of a text need a length": {"stride": 3},
        "cannot share 2": {"max_length": 4, "stride": 2, "overflow": True},
        "stride -1": {"stride": -1},
        "no number of tokens": {"max_length": -1},
        "do not fit into memory": {"padding": "max_length", "max_length": 10**20},
        "99,999,999 tokens do not fit": {"padding": "longest", "pad_to_multiple_of": 99_999_999},
        "a multiple is one of padding": {"pad_to_multiple_of": 8},
        "would have to give up": {"max_length": 4, "truncation": "only_second"},
    }.items():
        bare = Tokenizer(models.WordLevel({"a": 0}, "a")) if "pad token" in words else made
        with pytest.raises(UsageError, match=words):
            tb.encode(bare, "a b c d e", **asked)
    with pytest.raises(UsageError, match="2 texts and 1 second text"):
        tb.encode(made, ["a", "b"], pair=["a"])
    with pytest.raises(UsageError, match="both texts are too long"):
        tb.encode(made, "a b c d e", pair="a b c d e", max_length=6, overflow=True)


@pytest.mark.parametrize("truncation", ["longest_first", "only_first", "only_second"])
def test_where_special_tokens_take_all_the_room_no_text_is_left_as_in_the_library(truncation):
    made = library()
    found = tb.encode(made, ["a b c", "d"], pair=["e", "f g"], max_length=3, truncation=truncation)
    made.enable_truncation(3, strategy=truncation)
    assert [list(row.ids) for row in found] == [
        row.ids for row in made.encode_batch([("a b c", "e"), ("d", "f g")])
    ]
