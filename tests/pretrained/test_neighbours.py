"""Added tokens between letters, spaces, Hangul and signs: what they do to their neighbours is found."""

import json
import re
import shlex
import time
import unicodedata

import pytest
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from tokbench.pretrained.added_tokens import MatchFlags, with_tokens
from tokbench.pretrained.neighbours import FIRST_ONLY, NO_PREFIX, PREPENDING, harms, remedy

TEXTS = ["An angioplasty was done here. See my fox, a dog (b).", "병동에서 환자를 보았다. 가나"] * 20
PLAIN_TEXTS = ["An angioplasty was done", "two  spaces ", "환자를 보았다", "a.b (c)"]


def bpe(**blocks):
    """A BPE of every character of TEXTS and some merges, under these blocks."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    for place, block in blocks.items():
        setattr(tokenizer, place, block)
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if "ByteLevel" in str(blocks) else [],
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    raw = json.loads(tokenizer.to_str())
    raw["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(raw))


def llama2():
    """▁ written by the normalizer, no pre-tokenizer."""
    return bpe(
        normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        decoder=decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
    )


def prefixed():
    return bpe(pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True), decoder=decoders.ByteLevel())


def metaspace(scheme="always"):
    return bpe(
        pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme=scheme),
        decoder=decoders.Metaspace(prepend_scheme=scheme),
    )


def bert(*, accents=True):
    letters = sorted({each for text in TEXTS for each in unicodedata.normalize("NFD", text) if each.strip()})
    whole = sorted({each for text in TEXTS for each in text if each.strip()})
    words = dict.fromkeys(
        ["[UNK]", *letters, *whole, *(f"##{each}" for each in (*letters, *whole)), "see", "here"]
    )
    tokenizer = Tokenizer(models.WordPiece({each: at for at, each in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=accents)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def with_added(tokenizer, *tokens, **flags):
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.add_tokens([AddedToken(token, **flags) for token in tokens])
    return Tokenizer.from_str(copy.to_str())


def seen(tokenizer, token, **flags):
    return {(each.kind, each.place) for each in harms(with_added(tokenizer, token, **flags))}


def test_a_prepending_normalizer_puts_a_second_space_behind_a_token():
    (harm,) = harms(with_added(llama2(), "angioplasty", normalized=False, single_word=True))
    assert harm.sentence == "'see angioplasty here' comes back as 'see angioplasty  here'"
    assert ("text", "before Hangul") in seen(llama2(), "병동", normalized=False, rstrip=True)


def test_a_prefix_space_splits_a_word_behind_a_token():
    found = harms(with_added(prefixed(), "foxy"))
    assert {each.kind for each in found} == {"text"}
    assert found[0].seen == " (foxy )"


def test_a_metaspace_that_always_prepends_splits_a_word_and_one_that_does_it_first_does_not():
    assert ("text", "before Hangul") in seen(metaspace(), "병동")
    assert seen(metaspace("first"), "병동") == set()


def test_a_word_piece_behind_a_token_begins_a_word():
    assert seen(bert(accents=False), "병동") == {("text", "before Hangul")}
    assert seen(bert(accents=False), "foxy", single_word=True) == set()


def test_a_mark_inside_a_token_decodes_as_what_it_marks():
    assert ("content", "alone") in seen(metaspace("first"), "a▁b")
    assert ("content", "alone") not in seen(metaspace("first"), "▁▁")  # a run of spaces is one


def test_an_accent_stripping_normalizer_takes_a_korean_token_apart():
    found = [each for each in harms(with_added(bert(), "병동")) if each.kind == "content"]
    assert [each.seen for each in found] == [unicodedata.normalize("NFD", "병동")]


def test_trimmed_offsets_go_back_behind_a_token():
    tokenizer = prefixed()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    assert ("offsets", "between signs") in seen(tokenizer, "foxy")
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    assert ("offsets", "between signs") not in seen(tokenizer, "foxy")


@pytest.mark.parametrize("make", [lambda: metaspace("first"), lambda: metaspace("never"), bert])
def test_a_whole_word_harms_nothing_where_no_block_marks_the_start_of_a_part(make):
    assert seen(make(), "foxy", single_word=True) == set()


def test_six_thousand_tokens_take_less_than_two_seconds():
    tokens = [f"<unused{number}>" for number in range(3_000)] + [f"word{number}" for number in range(3_000)]
    tokenizer = with_added(
        bpe(pre_tokenizer=pre_tokenizers.ByteLevel(), decoder=decoders.ByteLevel()), *tokens
    )
    before = time.process_time()
    harms(tokenizer)
    assert time.process_time() - before < 2


@pytest.mark.parametrize("token", ["angioplasty", "병동", "foxy", "a▁b"])
@pytest.mark.parametrize("make", [llama2, prefixed, metaspace, bert], ids=lambda make: make.__name__)
def test_what_add_tokens_says_helps_where_it_is_an_option(make, token, make_folder):
    added = with_tokens(make_folder(make()), regular=[token])
    if not (options := re.fullmatch(r"add it with (.*)", added.remedy)):
        assert bool(added.harms) == bool(added.remedy)
        return
    flags = {
        "--raw": ("normalized", False),
        "--rstrip": ("rstrip", True),
        "--single-word": ("single_word", True),
    }
    chosen = MatchFlags(**dict(flags[word] for word in shlex.split(options[1])))
    again = with_tokens(make_folder(make(), name="again"), regular=[token], otherwise=chosen)
    assert added.harms
    assert again.harms == ()


def test_a_korean_token_on_an_accent_stripping_tokenizer_is_taken_as_it_is_written(make_folder):
    added = with_tokens(make_folder(bert()), regular=["병동"])
    assert added.tokenizer.decode([added.regular["병동"]]) == "병동"


def edited(tokenizer, words):
    """The tokenizer with what the remedy says done to its tokenizer.json."""
    raw = json.loads(tokenizer.to_str())
    if words == PREPENDING:
        raw["normalizer"] = None
        raw["pre_tokenizer"] = json.loads(words[words.index("{") : words.index("}") + 1])
    elif words == FIRST_ONLY:
        raw["pre_tokenizer"]["prepend_scheme"] = "first"
    else:
        assert words == NO_PREFIX
        raw["pre_tokenizer"]["add_prefix_space"] = False
    return Tokenizer.from_str(json.dumps(raw))


@pytest.mark.parametrize("make", [llama2, prefixed, metaspace], ids=lambda make: make.__name__)
def test_what_is_said_of_the_blocks_helps_and_changes_no_plain_text(make):
    tokenizer = with_added(make(), "병동", normalized=False)
    assert harms(tokenizer)
    words = remedy(json.loads(tokenizer.to_str()))
    other = edited(tokenizer, words)
    assert harms(other) == ()
    start = " " if words == NO_PREFIX else ""
    for text in PLAIN_TEXTS:
        assert other.encode(start + text).ids == tokenizer.encode(text).ids, text


@pytest.mark.parametrize("make", [llama2, prefixed, metaspace, lambda: metaspace("first"), bert])
def test_tokens_that_are_probed_once_for_all_have_the_harms_that_each_has_alone(make):
    tokens = [
        "<a>",
        "<b>",
        "foxy",
        "병동",
        "a▁b",
        "x y",
        "é",
        "see",
        "(",
        "▁▁",
        "에서",
        "b)",
        "word1",
        "1",
        " q",
    ]
    tokenizer = make()
    for flags in ({}, {"single_word": True}, {"normalized": False}, {"rstrip": True}, {"special": True}):
        added = with_added(tokenizer, *tokens, **flags)
        every = added.get_added_tokens_decoder()
        alone = [harm for number, token in every.items() for harm in harms(added, {number: token})]
        assert sorted(alone, key=str) == sorted(harms(added), key=str)
