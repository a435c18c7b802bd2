"""The oracle is the library: the words that its own trainer counts."""

import random
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from tokbench.native.scanner import SPLITTERS, character_flags, scanner_for
from tokbench.native.word_counter import count_words_compiled
from tokbench.training.counting.store import packed_of_compiled
from tokbench.training.probe import library_words

pytest.importorskip("numba")
CORPORA = Path(__file__).parents[3] / "shared" / "data" / "corpora"


def pattern(place, **how):
    split = pre_tokenizers.Split(Regex(list(SPLITTERS)[place]), **how)
    spell = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([split, spell])


def after_words(scheme):
    metaspace = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])


PRE_TOKENIZERS = {
    "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "gpt2-prefix": pre_tokenizers.ByteLevel(add_prefix_space=True),
    "bert": pre_tokenizers.BertPreTokenizer(),
    "whitespace": pre_tokenizers.Whitespace(),
    "whitespace-split": pre_tokenizers.WhitespaceSplit(),
    "metaspace": pre_tokenizers.Metaspace(),
    "metaspace-first": pre_tokenizers.Metaspace(prepend_scheme="first"),
    "metaspace-never": pre_tokenizers.Metaspace(prepend_scheme="never"),
    "words-metaspace": after_words("always"),
    "words-metaspace-never": after_words("never"),
    "cl100k": pattern(0, behavior="removed", invert=True),
    "qwen2": pattern(1, behavior="isolated"),
    "o200k": pattern(2, behavior="isolated"),
}
NORMALIZERS = {
    "none": None,
    "nfc": normalizers.NFC(),
    "lowercase": normalizers.Lowercase(),
    "bert": normalizers.BertNormalizer(),
    "bert-cased": normalizers.BertNormalizer(lowercase=False),
    "bert-accents": normalizers.BertNormalizer(clean_text=False, strip_accents=False),
    "bert-marks": normalizers.BertNormalizer(lowercase=False, strip_accents=True, handle_chinese_chars=False),
    "nfc-lowercase": normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]),
    "lowercase-bert-nfc": normalizers.Sequence(
        [normalizers.Lowercase(), normalizers.BertNormalizer(), normalizers.NFC()]
    ),
}
# Line ends and spaces of all kinds; contractions; marks that reorder, join or stay; digits; cases; planes.
TRICKY = (
    list(" \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u1680\u2003\u2028\u3000\u200b\u200c\u200d\ufeff\x00\x01\x7f\xad")
    + list("''''’sStTmMdDrReEvVlLſK/._-▁!#$€²½Ⅷ٣४9012345ªʰ")
    + list("éÉe\u0301\u0323\u0316\u0345\u0334Å\u212bßıİǅǆſtﬁΣςσ가각\u1100\u1161\u11a8中文〇")
    + list("\u302e\u302f\u16d8\u0958\u0b3e\u093e\u05b0א\ufffd🦊👩\u200d👩🏽\U0001d165\U0001d16e\U00016ff0ÿ")
    + list("\ue000\U000f0000\u0378\U0002f800\U000e0001\U0010ffff")
)
texts = st.lists(
    st.text(
        st.one_of(
            st.sampled_from(TRICKY), st.sampled_from("ab A1. '\n"), st.characters(exclude_categories=["Cs"])
        )
    ),
    max_size=12,
)


@cache
def tokenizer(normalizer, pre_tokenizer):
    made = Tokenizer(models.BPE())
    if normalizer is not None:
        made.normalizer = normalizer
    made.pre_tokenizer = pre_tokenizer
    return made


def words_of(found):
    """Word → how often, as the library spells words."""
    return packed_of_compiled(found).word_counts().counts


@cache
def scanner_of(normalizer, pre_tokenizer):
    return scanner_for(tokenizer(normalizer, pre_tokenizer))


def assert_equal(normalizer, pre_tokenizer, texts, **how):
    made = tokenizer(normalizer, pre_tokenizer)
    scanner = scanner_of(normalizer, pre_tokenizer)
    assert not isinstance(scanner, str), scanner
    assert words_of(count_words_compiled([texts], scanner, **how)) == library_words(made, texts)


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
@settings(max_examples=40, deadline=None)
@given(texts=texts)
def test_every_pre_tokenizer_gives_the_librarys_words(name, texts):
    assert_equal(None, PRE_TOKENIZERS[name], texts, threads=1)


@pytest.mark.parametrize("name", list(NORMALIZERS)[1:])
@settings(max_examples=25, deadline=None)
@given(texts=texts, split=st.sampled_from([each for each in PRE_TOKENIZERS if each != "metaspace-first"]))
def test_every_normalizer_gives_the_librarys_words(name, split, texts):
    assert_equal(NORMALIZERS[name], PRE_TOKENIZERS[split], texts, threads=1)


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_words_may_lie_anywhere_in_a_block_of_64_bytes(name):
    parts = [
        "don't",
        "  ",
        "I'LL",
        "\u3000 ",
        "''s",
        "12345",
        "é",
        "\n\n x",
        "?!/\r\n/",
        "ABCdef",
        " ",
        "가나다",
        "▁▁a",
    ]
    texts = [" " * shift + "x" * stretch + "".join(parts) for shift in range(3) for stretch in range(60, 68)]
    assert_equal(None, PRE_TOKENIZERS[name], texts)


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_every_kind_of_character_is_taken_as_the_library_does(name):
    edges = [code + step for code in borders() for step in (-1, 0)]
    chosen = [*range(0x250), *edges, *random.Random(3).sample(range(0x110000), 500)]
    assert_equal(None, PRE_TOKENIZERS[name], in_company(chosen))


@pytest.mark.parametrize("name", NORMALIZERS)
def test_every_kind_of_character_is_normalized_as_the_library_does(name):
    edges = random.Random(4).sample(borders().tolist(), 400)
    chosen = [*range(0x250), *edges, *random.Random(4).sample(range(0x110000), 500)]
    assert_equal(NORMALIZERS[name], PRE_TOKENIZERS["bert"], in_company(chosen))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpt2", "bert", "whitespace", "whitespace-split", "cl100k", "o200k"])
def test_every_character_is_taken_as_the_library_does(name):
    assert_equal(None, PRE_TOKENIZERS[name], in_crowds(range(0x110000)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nfc", "lowercase", "bert", "bert-accents"])
def test_every_character_is_normalized_as_the_library_does(name):
    assert_equal(NORMALIZERS[name], PRE_TOKENIZERS["bert"], in_crowds(range(0x110000)))


def borders():
    """Code points whose class differs from that of the one before."""
    table = character_flags()
    return (table[1:] != table[:-1]).nonzero()[0] + 1


def in_company(codes):
    """Each character between letters, digits and others, twice, and after an apostrophe."""
    return [f"a{c}a 1{c}{c}1 .{c}. '{c}" for c in map(chr, codes) if not "\ud800" <= c <= "\udfff"]


def in_crowds(codes):
    """The same in fewer texts, which the library takes less long for."""
    every = in_company(codes)
    return [" ".join(every[start : start + 200]) for start in range(0, len(every), 200)]


CONTRACTIONS = [
    f"x{mark}{end}" for mark in "'’" for end in ("s", "S", "ſ", "re", "rE", "VE", "ll", "Ll", "lſ", "sx", "")
]


@pytest.mark.parametrize("name", ["gpt2", "cl100k", "o200k"])
def test_contractions_are_those_of_the_library(name):
    every = [
        before + word + after
        for word in CONTRACTIONS
        for before in ("", " ", "'", "\t", "é", "3")
        for after in ("", "a", "'s")
    ]
    assert_equal(None, PRE_TOKENIZERS[name], every)


@pytest.mark.parametrize("size", [7, 8, 9, 15, 16, 17, 24, 25, 70_000])
def test_words_of_any_length_are_told_apart(size):
    texts = [
        "a" * size,
        "a" * size + "b",
        "b" + "a" * (size - 1),
        "a" * (size - 1) + "b",
        "가" * size,
        "a" * size,
    ]
    assert_equal(None, PRE_TOKENIZERS["gpt2"], texts)


def test_null_bytes_make_other_words():
    assert_equal(
        None, PRE_TOKENIZERS["whitespace-split"], ["a", "a\0", "a\0\0", "\0", "aaaaaaa\0", "aaaaaaa"]
    )


@pytest.mark.parametrize("name", ["gpt2", "bert", "words-metaspace"])
def test_no_word_crosses_the_border_between_texts(name):
    assert_equal(None, PRE_TOKENIZERS[name], ["a", "", "b", " ", "c\nd", "\n", "'", "s", "\xff", "e "])


def corpus(name, most=None):
    path = CORPORA / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    with path.open(encoding="utf-8", newline="\n") as file:
        return [line for line in file.read(most).split("\n") if line]


@pytest.mark.parametrize("name", ["en", "ko", "code"])
@pytest.mark.parametrize("split", PRE_TOKENIZERS)
def test_the_beginning_of_real_text_has_the_librarys_words(name, split):
    assert_equal(None, PRE_TOKENIZERS[split], corpus(name, 20_000))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["en", "ko", "code"])
@pytest.mark.parametrize(
    ("normalizer", "split"),
    [
        ("none", "gpt2"),
        ("bert", "bert"),
        ("lowercase", "whitespace"),
        ("nfc", "metaspace"),
        ("none", "o200k"),
    ],
)
def test_whole_files_have_the_librarys_words(name, normalizer, split):
    assert_equal(NORMALIZERS[normalizer], PRE_TOKENIZERS[split], corpus(name))
